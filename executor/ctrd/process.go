package ctrd

import (
	"context"
	"fmt"
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

// termEnv is what a terminal adds to it.
const termEnv = "TERM=xterm"

func argsOf(c *spec.Container, im imageconfig.Config) []string { return c.Args(im.Container()) }

// imageEnv is what the process's environment would be if the container set none.
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
	for _, dir := range []string{c.WorkingDir, im.WorkingDir} {
		if dir != "" {
			return dir
		}
	}
	return "/"
}

// specFor makes the OCI spec of a container. user is what its user and groups came to; annotations are labels that go with it.
func specFor(ctx context.Context, id string, c *spec.Container, im imageconfig.Config, user specs.User, labels map[string]string) (*specs.Spec, []string, error) {
	args := argsOf(c, im)
	if len(args) == 0 {
		return nil, nil, fmt.Errorf("there is nothing to run: neither the image nor the block has a command; set command")
	}
	env := envOf(c, im)
	if text := spec.ProcessTrouble(args, env); text != "" {
		return nil, nil, fmt.Errorf("%s", text)
	}
	s, err := oci.GenerateSpec(ctx, nil, &containers.Container{ID: id})
	if err != nil {
		return nil, nil, err
	}
	s.Process.Args = args
	s.Process.Env = env
	s.Process.Cwd = cwdOf(c, im)
	s.Process.User = user
	s.Process.Terminal = c.TTY
	s.Annotations = mirrored(labels)
	maps.Copy(s.Annotations, c.Annotations)
	s.Hostname = c.Hostname
	if s.Hostname == "" && c.NetworkMode != spec.NetworkHost {
		s.Hostname = mark.ShortID(id)
	}
	if c.NetworkMode == spec.NetworkHost {
		dropNamespace(s, specs.NetworkNamespace)
		if c.Hostname == "" {
			dropNamespace(s, specs.UTSNamespace)
		}
	}
	s.Process.Rlimits = nil // the daemon's own, as docker and nerdctl have it
	addSecurity(s, c)
	own := addMounts(s, c)
	return s, own, nil
}

func dropNamespace(s *specs.Spec, kind specs.LinuxNamespaceType) {
	s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == kind })
}

// mirrored gives the annotations that go with labels.
func mirrored(labels map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range labels {
		if strings.HasPrefix(k, mark.NerdctlPrefix) {
			out[k] = v
		}
	}
	return out
}
