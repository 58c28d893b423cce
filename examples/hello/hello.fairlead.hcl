# One container that serves HTTP on the host's network.
stack "hello" {}

variable "port" {
  type        = number
  default     = 8080
  description = "where the server listens"

  validation {
    condition     = var.port > 1023 && var.port < 65536
    error_message = "The port must be between 1024 and 65535."
  }
}

container "web" {
  image        = "docker.io/library/busybox:1.36"
  command      = ["httpd", "-f", "-p", tostring(var.port), "-h", "/www"]
  network_mode = "host"
  restart      = "always"

  mount {
    bind      = "./www"
    target    = "/www"
    read_only = true
  }
}

output "url" { value = "http://localhost:${var.port}/" }
