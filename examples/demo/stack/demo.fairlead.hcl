stack "demo" {}

image "web" {
  name = "demo/web:1"
  build {
    context   = "./app"
    platforms = ["linux/amd64", "linux/arm64"]
  }
}

container "web" {
  for_each = { amd64 = "18080", arm64 = "18081" }

  image        = image.web
  platform     = "linux/${each.key}"
  network_mode = "host"
  restart      = "always"
  env          = { PORT = each.value }
}

output "urls" { value = ["http://127.0.0.1:18080/", "http://127.0.0.1:18081/"] }
