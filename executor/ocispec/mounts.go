package ocispec

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/fairlead-dev/fairlead/spec"
)

// HostFiles are what a container in the host's network shares with it, so that names resolve there as they do outside.
var HostFiles = []string{"/etc/hosts", "/etc/resolv.conf"}

// addMounts adds a container's mounts to the default ones, in place of those with the same target. It gives the targets that
// fairlead mounts by itself: of the host's files, those that are given.
func addMounts(s *specs.Spec, c *spec.Container, hostFiles []string) []string {
	var own []string
	taken := map[string]bool{}
	for _, m := range c.Mounts {
		taken[m.Target] = true
	}
	s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool { return taken[path.Clean(m.Destination)] })
	if c.NetworkMode == spec.NetworkHost {
		for _, f := range hostFiles {
			if taken[f] || taken[path.Dir(f)] {
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
	// A mount inside of another comes after it.
	slices.SortStableFunc(s.Mounts, func(a, b specs.Mount) int { return mountDepth(a.Destination) - mountDepth(b.Destination) })
	return own
}

func mountDepth(p string) int { return strings.Count(path.Clean(p), "/") }

func ociMount(m spec.Mount) specs.Mount {
	mode := "rw"
	if m.ReadOnly {
		mode = "ro"
	}
	if m.Tmpfs == nil {
		propagation := cmp.Or(m.Propagation, "rprivate")
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
