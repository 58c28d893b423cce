# What an embedded team makes: a Debian of its own for an arm64 board, with its libraries and compilers, on any host. `./base` makes
# what it is made of.
stack "board" {}

emulator "arm64" {}

image "debian" {
  import   = "base.tar"
  platform = "linux/arm64"
}

image "camera" {
  name = "realsee-camera-riemann:0.test.528"
  build {
    context   = "./image"
    platforms = ["linux/arm64"]
    contexts  = { debian = image.debian }
  }
}

container "camera" {
  image        = image.camera
  platform     = "linux/arm64"
  network_mode = "none"
  restart      = "always"
}
