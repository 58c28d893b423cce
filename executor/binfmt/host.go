package binfmt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Host says where things are.
type Host struct {
	Mount      string   // of the kernel's binfmt_misc
	RuleDirs   []string // binfmt.d: of files with the same name the first counts
	PersistDir string   // where fairlead's rules are for the next boot
}

// System is the host that this process runs on.
func System() Host {
	return Host{
		Mount:      "/proc/sys/fs/binfmt_misc",
		RuleDirs:   []string{"/etc/binfmt.d", "/run/binfmt.d", "/usr/local/lib/binfmt.d", "/usr/lib/binfmt.d"},
		PersistDir: "/etc/binfmt.d",
	}
}

// Mounted tells whether the kernel's registry is there. Where systemd mounts it when it is first looked at, it is.
func (h Host) Mounted() bool {
	_, err := os.Stat(filepath.Join(h.Mount, "register"))
	return err == nil
}

func (h Host) mount() error {
	if h.Mounted() {
		return nil
	}
	err := unix.Mount("binfmt_misc", h.Mount, "binfmt_misc", 0, "")
	switch {
	case err == nil, errors.Is(err, unix.EBUSY) && h.Mounted(): // another process was faster
		return nil
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENOENT):
		return fmt.Errorf("binfmt_misc: this kernel has it not, so it runs programs of other architectures by no emulator. "+
			"It needs CONFIG_BINFMT_MISC (%w)", err)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("binfmt_misc: mounting it is root's: run fairlead as root, as in `sudo fairlead apply` (%w)", err)
	}
	return fmt.Errorf("binfmt_misc: mounting it on %s: %w", h.Mount, err)
}
