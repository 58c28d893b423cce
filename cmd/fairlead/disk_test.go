package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

// TestFullDisk: a disk that is too small for an image is said to be that; nothing is left of the try, and a smaller image fits then.
func TestFullDisk(t *testing.T) {
	shared.start(t)
	eachDaemon(t, func(t *testing.T, d *harness.Daemon) {
		l := newLab(t, smallDaemon(t, d, "96m"))
		big, err := shared.probes.Image(harness.ImageOptions{Version: "big", Pad: 80 << 20})
		if err == nil {
			err = harness.Write(filepath.Join(l.dir, "big.tar"), "example.com/x:big", harness.OCIArchive, big)
		}
		if err != nil {
			t.Fatal(err)
		}
		const stack = "stack \"s\" {}\nimage \"app\" { load = \"one.tar\" }\ncontainer \"web\" {\n  image = image.app\n  network_mode = \"none\"\n}\n"
		l.write(strings.Replace(stack, "one.tar", "big.tar", 1))
		out, err := l.try("apply", "--yes")
		for _, want := range []string{"no space left on device", "s.fairlead.hcl:2", "fairlead doctor"} {
			if err == nil || !strings.Contains(out, want) {
				t.Errorf("apply on a full disk (%v): no %q in\n%s", err, want, out)
			}
		}
		l.write(stack)
		l.converge()
		l.must("destroy", "--yes")
	})
}
