# A replacement without an outage: the new container runs before the old one is stopped, and is taken back if it doesn't.
# The two overlap, so what the server holds alone (here nothing) must not clash.
stack "blue-green" {}

variable "release" {
  type    = string
  default = "1.36"
}

image "app" { pull = "docker.io/library/busybox:${var.release}" }

container "app" {
  image        = image.app
  command      = ["sh", "-c", "echo release ${var.release}; exec sleep 1000000"]
  network_mode = "none"
  restart      = "always"
  stop_signal  = "SIGKILL"

  update {
    strategy = "start-first"
    within   = "30s"
    rollback = true
  }

  lifecycle {
    prevent_destroy = true
  }
}
