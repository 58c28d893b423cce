# One image for three architectures. The compiler runs natively, whatever it compiles for; only the short last step is emulated.
stack "cross-arch" {}

variable "toolchain" {
  type        = string
  default     = "docker.io/library/golang:1.26-alpine"
  description = "an image with Go and a shell"
}

image "hello" {
  build {
    context   = "./app"
    args      = { TOOLCHAIN = var.toolchain }
    platforms = ["linux/amd64", "linux/arm64", "linux/riscv64"]
  }
}

# A job for each of them, which says what it runs on.
container "hello" {
  for_each = toset(["amd64", "arm64", "riscv64"])

  image        = image.hello
  platform     = "linux/${each.key}"
  network_mode = "none"
  ready        = "completed"
}
