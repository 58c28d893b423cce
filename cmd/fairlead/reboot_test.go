package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

// TestReboot: what has a restart policy comes back by containerd alone; what was stopped stays so; the plan has just what is left.
func TestReboot(t *testing.T) {
	shared.start(t)
	eachDaemon(t, func(t *testing.T, d *harness.Daemon) {
		l := newLab(t, d)
		port := freePort()
		l.write(fmt.Sprintf(`stack "s" {}
image "app" { load = "one.tar" }
container "web" {
  image        = image.app
  network_mode = "host"
  restart      = "always"
  env          = { PORT = "%d" }
}
container "off" {
  image        = image.app
  network_mode = "none"
  restart      = "unless-stopped"
  state        = "stopped"
}
container "once" {
  image        = image.app
  network_mode = "none"
}
`, port))
		l.must("apply", "--yes")
		if err := d.Reboot(); err != nil {
			t.Fatal(err)
		}
		url := fmt.Sprintf("http://127.0.0.1:%d/", port)
		var body string
		var err error
		for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			if body, err = get(url); err == nil {
				break
			}
		}
		if body != "1\n" {
			t.Fatalf("%s after a reboot: %q, %v", url, body, err)
		}
		out, err := l.try("plan", "--detailed-exitcode")
		if err == nil || !strings.Contains(out, "container.once is started: its process is not there") || strings.Contains(out, "# container.web") || strings.Contains(out, "# container.off") {
			t.Errorf("the plan after a reboot (%v):\n%s", err, out)
		}
		l.converge()
		l.must("destroy", "--yes")
	})
}
