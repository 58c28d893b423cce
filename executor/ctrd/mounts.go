package ctrd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/sys/mountinfo"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/fairlead-dev/fairlead/spec"
)

// hostFiles are what a container in the host's network shares with it, so that names resolve there as they do outside.
var hostFiles = []string{"/etc/hosts", "/etc/resolv.conf"}

// addMounts adds a container's mounts to the default ones, in place of those with the same target. It gives the targets that
// fairlead mounts by itself.
func addMounts(s *specs.Spec, c *spec.Container) []string {
	var own []string
	taken := map[string]bool{}
	for _, m := range c.Mounts {
		taken[m.Target] = true
	}
	s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool { return taken[path.Clean(m.Destination)] })
	if c.NetworkMode == spec.NetworkHost {
		for _, f := range hostFiles {
			if _, err := os.Stat(f); err != nil || taken[f] || taken[path.Dir(f)] {
				continue
			}
			own = append(own, f)
			s.Mounts = append(s.Mounts, specs.Mount{Destination: f, Type: "bind", Source: f, Options: []string{"rbind", "rprivate", "ro"}})
		}
	}
	for _, m := range c.Mounts {
		s.Mounts = append(s.Mounts, ociMount(m))
		switch m.Propagation {
		case "shared", "rshared":
			s.Linux.RootfsPropagation = "shared"
		case "slave", "rslave":
			if s.Linux.RootfsPropagation == "" {
				s.Linux.RootfsPropagation = "rslave"
			}
		}
	}
	// What is mounted inside of another comes after it.
	slices.SortStableFunc(s.Mounts, func(a, b specs.Mount) int { return depth(a.Destination) - depth(b.Destination) })
	return own
}

func depth(p string) int { return strings.Count(path.Clean(p), "/") }

func ociMount(m spec.Mount) specs.Mount {
	mode := "rw"
	if m.ReadOnly {
		mode = "ro"
	}
	if m.Tmpfs == nil {
		propagation := m.Propagation
		if propagation == "" {
			propagation = "rprivate"
		}
		return specs.Mount{Destination: m.Target, Type: "bind", Source: m.Bind, Options: []string{"rbind", propagation, mode}}
	}
	opts := []string{"nosuid", "nodev", mode, "mode=1777"}
	if m.Tmpfs.Mode != "" {
		opts[3] = "mode=" + m.Tmpfs.Mode
	}
	if m.Tmpfs.Size > 0 {
		opts = append(opts, "size="+strconv.FormatInt(m.Tmpfs.Size, 10))
	}
	return specs.Mount{Destination: m.Target, Type: "tmpfs", Source: "tmpfs", Options: opts}
}

// readMount is the way back; false for what no mount block can say.
func readMount(m specs.Mount) (spec.Mount, bool) {
	out := spec.Mount{Target: path.Clean(m.Destination)}
	out.ReadOnly = slices.Contains(m.Options, "ro")
	switch {
	case m.Type == "tmpfs":
		out.Tmpfs = &spec.Tmpfs{}
		for _, o := range m.Options {
			if v, ok := strings.CutPrefix(o, "size="); ok {
				out.Tmpfs.Size, _ = units.RAMInBytes(v)
			}
			if v, ok := strings.CutPrefix(o, "mode="); ok {
				if mode, err := spec.ParseMode(v); err == nil && mode != "1777" {
					out.Tmpfs.Mode = mode
				}
			}
		}
	case m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind"):
		out.Bind = m.Source
		for _, o := range m.Options {
			switch o {
			case "private", "rshared", "shared", "rslave", "slave":
				out.Propagation = o
			}
		}
	default:
		return out, false
	}
	return out, true
}

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

// defaultMounts are what containerd gives every container, by target.
var defaultMounts = map[string]specs.Mount{
	"/proc":       {Type: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
	"/dev":        {Type: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
	"/dev/pts":    {Type: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
	"/dev/shm":    {Type: "tmpfs", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
	"/dev/mqueue": {Type: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
	"/sys":        {Type: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
	"/run":        {Type: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
}

func isDefaultMount(m specs.Mount) bool {
	d, ok := defaultMounts[path.Clean(m.Destination)]
	return ok && d.Type == m.Type && slices.Equal(d.Options, m.Options)
}

// madeByDefault tells whether a container of another tool has a mount from that tool and not from its user.
func madeByDefault(m specs.Mount) bool {
	switch target := path.Clean(m.Destination); target {
	case "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/sys/fs/cgroup":
		return true
	default:
		_, ok := defaultMounts[target]
		return ok && m.Type != "bind"
	}
}
