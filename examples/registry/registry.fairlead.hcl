# A registry of one's own: who to log in as, and an image that is copied there.
stack "mirror" {}

variable "password" {
  type      = string
  sensitive = true
  default   = "change me"
}

registry "registry.example.com" {
  username = "ci"
  password = var.password
}

image "busybox" {
  pull = "docker.io/library/busybox:1.36"
  tags = ["mirror/busybox:stable"]
  push = ["registry.example.com/mirror/busybox:1.36"]
}

output "digest" { value = image.busybox.digest }
