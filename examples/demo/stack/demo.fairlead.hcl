stack "demo" {}

image "web" {
  name = "demo/web:1"
  load = "../web.tar"
}

container "web" {
  image        = image.web
  network_mode = "host"
  restart      = "always"
  env          = { PORT = "18080", GREETING = "hello" }
}

output "url" { value = "http://127.0.0.1:18080/" }
