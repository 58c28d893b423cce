package harness

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/fairlead-dev/fairlead/executor/machine"
)

// Reboot takes from the daemon what a machine loses when it starts anew: processes, mounts, and the files of its state, which are
// in memory; and starts it again.
func (d *Daemon) Reboot() error {
	d.Stop(syscall.SIGKILL)
	for _, shim := range shimsOf(d.Address) {
		for _, p := range append(shim.Descendants(), shim) {
			if err := p.Kill(); err != nil {
				return err
			}
		}
		if err := os.RemoveAll(filepath.Join(runcState, argumentAfter(shim.Args, "-namespace"), argumentAfter(shim.Args, "-id"))); err != nil {
			return err
		}
	}
	state := filepath.Join(d.Dir, "state")
	if err := machine.UnmountBelow(state); err != nil {
		return err
	}
	if err := os.RemoveAll(state); err != nil {
		return err
	}
	return d.Start()
}

// runcState is where containerd has runc keep its state, by namespace and container.
const runcState = "/run/containerd/runc"

// shimsOf gives the shims of a daemon, of all namespaces.
func shimsOf(address string) []machine.Process {
	return machine.ByArgs(func(args []string) bool {
		return strings.Contains(args[0], "containerd-shim") && argumentAfter(args, "-address") == address
	})
}

// argumentAfter gives the value of a flag.
func argumentAfter(args []string, flag string) string {
	if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}
