# A job that must end well before the server starts, and one worker for each queue.
stack "jobs" {}

image "tools" { pull = "docker.io/library/busybox:1.36" }

locals {
  queues = {
    mail    = { delay = "1" }
    reports = { delay = "5" }
  }
}

container "migrate" {
  image        = image.tools
  command      = ["sh", "-c", "echo migrating; sleep 1; echo done"]
  network_mode = "none"
  ready        = "completed"
}

container "worker" {
  for_each = local.queues

  image        = image.tools
  command      = ["sh", "-c", "while sleep \"$DELAY\"; do echo \"$QUEUE\"; done"]
  env          = { QUEUE = each.key, DELAY = each.value.delay }
  network_mode = "none"
  restart      = "on-failure:3"
  stop_signal  = "SIGKILL"
  depends_on   = [container.migrate]
}
