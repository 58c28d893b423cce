package harness

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// Reboot takes from the daemon what a machine loses when it starts anew: processes, mounts, and the files of its state, which are
// in memory; and starts it again.
func (d *Daemon) Reboot() error {
	d.Stop(syscall.SIGKILL)
	for shim, args := range shimsOf(d.Address) {
		for _, pid := range append(childrenOf(shim), shim) {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended with its parent
		}
		if err := os.RemoveAll(filepath.Join(runcState, after(args, "-namespace"), after(args, "-id"))); err != nil {
			return err
		}
	}
	state := filepath.Join(d.Dir, "state")
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(state))
	if err != nil {
		return err
	}
	for i := len(mounts) - 1; i >= 0; i-- {
		if err := unix.Unmount(mounts[i].Mountpoint, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("%s: %w", mounts[i].Mountpoint, err)
		}
	}
	if err := os.RemoveAll(state); err != nil {
		return err
	}
	return d.Start()
}

// runcState is where containerd has runc keep its state, by namespace and container.
const runcState = "/run/containerd/runc"

// shimsOf gives the processes of a daemon's shims, of all namespaces, with their arguments.
func shimsOf(address string) map[int][]string {
	shims := map[int][]string{}
	processes(func(pid int, dir string) bool {
		raw, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		args := strings.Split(string(bytes.TrimRight(raw, "\x00")), "\x00")
		if err == nil && strings.Contains(args[0], "containerd-shim") && after(args, "-address") == address {
			shims[pid] = args
		}
		return false
	})
	return shims
}

func childrenOf(parent int) []int {
	return processes(func(_ int, dir string) bool {
		raw, err := os.ReadFile(filepath.Join(dir, "stat"))
		_, rest, ok := strings.Cut(string(raw), ") ")
		fields := strings.Fields(rest)
		return err == nil && ok && len(fields) > 1 && fields[1] == strconv.Itoa(parent)
	})
}

func processes(is func(pid int, dir string) bool) []int {
	var pids []int
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil && pid > 1 && is(pid, dir) {
			pids = append(pids, pid)
		}
	}
	return pids
}
