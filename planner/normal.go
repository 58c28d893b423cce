package planner

import (
	"cmp"
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// normal gives a copy of c in which what is unset has the value that unset means here, so that writing a default into a file
// changes nothing.
func normal(c *spec.Container, h Host) *spec.Container {
	n := *c
	n.Platform = cmp.Or(n.Platform, h.Platform)
	n.Runtime = cmp.Or(n.Runtime, spec.DefaultRuntime)
	n.Snapshotter = cmp.Or(n.Snapshotter, h.Snapshotter)
	n.State = cmp.Or(n.State, spec.StateRunning)
	n.Ready = cmp.Or(n.Ready, spec.ReadyStarted)
	n.Restart.Policy = cmp.Or(n.Restart.Policy, spec.RestartNo)
	if n.StopTimeout == 0 {
		n.StopTimeout = spec.DefaultStopTimeout
	}
	if len(n.Mounts) > 0 {
		n.Mounts = append([]spec.Mount{}, n.Mounts...)
		for i := range n.Mounts {
			m := &n.Mounts[i]
			if m.Propagation == "rprivate" {
				m.Propagation = "" // as it is where nothing is said
			}
			if m.Tmpfs != nil && (m.Tmpfs.Mode == "1777" || m.Tmpfs.Mode == "") {
				m.Tmpfs = &spec.Tmpfs{Size: m.Tmpfs.Size, Mode: "1777"}
			}
		}
	}
	return &n
}

// canonicalize takes from a live container's spec what differs from the wanted one only in how it is said: what one writes out and the
// other leaves to the image, or arguments that are split into entrypoint and command in another place. The process is the same.
func canonicalize(was, want, image *spec.Container) {
	if slices.Equal(was.Args(image), want.Args(image)) {
		was.Entrypoint, was.Command = want.Entrypoint, want.Command
	}
	was.Env = canonicalizeEnv(was.Env, want.Env, image.Env)
	for _, row := range []struct {
		was       *string
		want      string
		image     string
		byDefault string
	}{
		{&was.WorkingDir, want.WorkingDir, image.WorkingDir, "/"},
		{&was.User, want.User, image.User, "0"},
		{&was.StopSignal, want.StopSignal, image.StopSignal, "SIGTERM"},
	} {
		if cmp.Or(cmp.Or(*row.was, row.image), row.byDefault) == cmp.Or(cmp.Or(row.want, row.image), row.byDefault) {
			*row.was = row.want
		}
	}
}

// canonicalizeSecurity takes a default that a live container was created without for the same as the file's silence. What the file
// says in so many words is compared with what is there.
func canonicalizeSecurity(was, want *spec.Security, lacks []string) {
	if slices.Contains(lacks, LackOfSeccomp) && want.Seccomp != "" {
		was.Seccomp = spec.SeccompUnconfined
	}
	if slices.Contains(lacks, LackOfPrivileges) {
		was.NoNewPrivileges = want.NoNewPrivileges
	}
}

func canonicalizeEnv(was, want, image map[string]string) map[string]string {
	out := maps.Clone(was)
	if out == nil {
		out = map[string]string{}
	}
	for k, given := range image {
		w, asked := want[k]
		v, set := was[k]
		switch {
		case asked && !set && w == given:
			out[k] = w
		case set && !asked && v == given:
			delete(out, k)
		}
	}
	return out
}

// containerDefaults gives, by row, what an empty container block says on this host: it is the same for all, and read once.
func (pb *planBuilder) containerDefaults() []cty.Value {
	if pb.defaults == nil {
		pb.defaults = valuesOf(containerAttrs, normal(&spec.Container{}, pb.have.Host))
	}
	return pb.defaults
}
