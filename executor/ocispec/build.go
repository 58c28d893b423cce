package ocispec

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/fairlead-dev/fairlead/executor/imageconfig"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/spec"
)

// Container is what a container's OCI spec is made of.
type Container struct {
	ID     string
	Want   *spec.Container
	Image  imageconfig.Config
	User   specs.User        // the IDs that its user and groups stand for
	Labels map[string]string // of its record: nerdctl's are annotations too
	Host   Host
}

// Host is what the machine gives to a container.
type Host struct {
	Seccomp bool     // the kernel filters system calls
	Files   []string // of HostFiles, those that are there
}

// Build makes the OCI spec. It gives the targets of the mounts that no block asked for.
func Build(ctx context.Context, of Container) (*specs.Spec, []string, error) {
	c, im := of.Want, of.Image
	args := argsOf(c, im)
	if len(args) == 0 {
		return nil, nil, errors.New("there is nothing to run: neither the image nor the block has a command; set command")
	}
	env := envOf(c, im)
	if text := spec.ProcessTrouble(args, env); text != "" {
		return nil, nil, errors.New(text)
	}
	s, err := oci.GenerateSpec(ctx, nil, &containers.Container{ID: of.ID})
	if err != nil {
		return nil, nil, err
	}
	s.Process.Args = args
	s.Process.Env = env
	s.Process.Cwd = cwdOf(c, im)
	s.Process.User = of.User
	s.Process.Terminal = c.TTY
	s.Annotations = mirrored(of.Labels)
	maps.Copy(s.Annotations, c.Annotations)
	s.Hostname = c.Hostname
	if s.Hostname == "" && c.NetworkMode != spec.NetworkHost {
		s.Hostname = mark.ShortID(of.ID)
	}
	if c.NetworkMode == spec.NetworkHost {
		dropNamespace(s, specs.NetworkNamespace)
		if c.Hostname == "" {
			dropNamespace(s, specs.UTSNamespace)
		}
	}
	s.Process.Rlimits = nil // the daemon's own, as docker and nerdctl have it
	addSecurity(s, c, of.Host.Seccomp)
	return s, addMounts(s, c, of.Host.Files), nil
}

// argsOf gives the arguments of the process: the container's, and what it has from its image.
func argsOf(c *spec.Container, im imageconfig.Config) []string { return c.Args(im.Container()) }

// termEnv is what a terminal adds to the environment.
const termEnv = "TERM=xterm"

// imageEnv gives the environment of the process of a container that sets none.
func imageEnv(im imageconfig.Config, tty bool) []string {
	env := im.Env
	if len(env) == 0 {
		env = []string{imageconfig.DefaultPath}
	}
	if tty {
		env = append(slices.Clone(env), termEnv)
	}
	return env
}

// envOf gives the environment of the process: the image's variables in their order, and then the container's own by name.
func envOf(c *spec.Container, im imageconfig.Config) []string {
	var out []string
	done := map[string]bool{}
	for _, kv := range imageEnv(im, c.TTY) {
		k, _, _ := strings.Cut(kv, "=")
		if done[k] {
			continue
		}
		done[k] = true
		if v, ok := c.Env[k]; ok {
			kv = k + "=" + v
		}
		out = append(out, kv)
	}
	for _, k := range slices.Sorted(maps.Keys(c.Env)) {
		if !done[k] {
			out = append(out, k+"="+c.Env[k])
		}
	}
	return out
}

func cwdOf(c *spec.Container, im imageconfig.Config) string {
	return cmp.Or(c.WorkingDir, im.WorkingDir, "/")
}

func dropNamespace(s *specs.Spec, kind specs.LinuxNamespaceType) {
	s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == kind })
}

// mirrored gives the labels that are annotations too: nerdctl's hooks read these.
func mirrored(labels map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range labels {
		if strings.HasPrefix(k, mark.NerdctlPrefix) {
			out[k] = v
		}
	}
	return out
}
