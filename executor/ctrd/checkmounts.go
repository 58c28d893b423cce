package ctrd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/moby/sys/mountinfo"

	"github.com/fairlead-dev/fairlead/spec"
)

// checkMounts says before anything is made which source of a bind is not there.
func checkMounts(c *spec.Container) error {
	for _, m := range c.Mounts {
		if m.Tmpfs != nil {
			continue
		}
		_, err := os.Stat(m.Bind)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("mount %s: %s does not exist on the host; make it first: fairlead makes no directories of its own accord", m.Target, m.Bind)
		case err != nil:
			return fmt.Errorf("mount %s: %w", m.Target, err)
		}
		if err := checkPropagation(m); err != nil {
			return err
		}
	}
	return nil
}

// checkPropagation: what is not mounted shared on the host cannot be shared with a container.
func checkPropagation(m spec.Mount) error {
	need := strings.TrimPrefix(m.Propagation, "r")
	if need != "shared" && need != "slave" {
		return nil
	}
	mounts, err := mountinfo.GetMounts(mountinfo.ParentsFilter(m.Bind))
	if err != nil || len(mounts) == 0 {
		return nil // the runtime will say it
	}
	best := mounts[0]
	for _, i := range mounts {
		if len(i.Mountpoint) >= len(best.Mountpoint) {
			best = i
		}
	}
	if strings.Contains(best.Optional, "shared:") || need == "slave" && strings.Contains(best.Optional, "master:") {
		return nil
	}
	return fmt.Errorf("mount %s: propagation %s needs a source on a shared mount, and %s is on %s, which is private; run `mount --make-shared %s` first", m.Target, m.Propagation, m.Bind, best.Mountpoint, best.Mountpoint)
}
