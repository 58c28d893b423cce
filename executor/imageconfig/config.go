// Package imageconfig says what an image's config gives a container, as docker reads it.
package imageconfig

import (
	"errors"
	"path"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/spec"
)

// DefaultPath is in the environment of an image that sets no path.
const DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Config is what a container takes over from its image. Containers' records hold it as JSON.
type Config struct {
	Env        []string          `json:"env,omitempty"`
	Entrypoint []string          `json:"entrypoint,omitempty"`
	Cmd        []string          `json:"cmd,omitempty"`
	User       string            `json:"user,omitempty"`
	WorkingDir string            `json:"working_dir,omitempty"`
	StopSignal string            `json:"stop_signal,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
}

// Of reads an image's config as docker does: of two variables of one name the last counts, one without a value is none, the usual path is
// there where the image sets none, an entrypoint that is one empty word is none, and a relative directory is below the root. An error says
// why no process can be started with it.
func Of(c ocispec.ImageConfig) (Config, error) {
	out := Config{Entrypoint: c.Entrypoint, Cmd: c.Cmd, User: c.User, WorkingDir: c.WorkingDir, StopSignal: c.StopSignal, Labels: c.Labels}
	if len(c.Entrypoint) == 1 && c.Entrypoint[0] == "" {
		out.Entrypoint = nil
	}
	if c.WorkingDir != "" {
		out.WorkingDir = path.Clean("/" + c.WorkingDir)
	}
	out.Env = LastOfEach(c.Env)
	if !slices.ContainsFunc(out.Env, func(kv string) bool { return strings.HasPrefix(kv, "PATH=") }) {
		out.Env = append(out.Env, DefaultPath)
	}
	if text := spec.PathTrouble(out.WorkingDir); text != "" {
		return out, errors.New("its config can't be run: its working directory " + text)
	}
	if text := spec.ProcessTrouble(slices.Concat([]string{"-"}, out.Entrypoint, out.Cmd), out.Env); text != "" {
		return out, errors.New("its config can't be run: " + text)
	}
	return out, nil
}

// LastOfEach gives the variables that count: of two of one name the last, and none without a value.
func LastOfEach(env []string) []string {
	var out []string
	places := map[string]int{}
	for _, kv := range env {
		name, _, set := strings.Cut(kv, "=")
		i, again := places[name]
		switch {
		case !set:
		case again:
			out[i] = kv
		default:
			places[name] = len(out)
			out = append(out, kv)
		}
	}
	return out
}

// Variables gives an environment by name; of two of one name the first.
func Variables(env []string) map[string]string {
	out := make(map[string]string, len(env))
	for _, kv := range env {
		k, v, _ := strings.Cut(kv, "=")
		if _, twice := out[k]; !twice {
			out[k] = v
		}
	}
	return out
}

// Container gives the config as a block would have to say it.
func (c Config) Container() *spec.Container {
	signal := c.StopSignal
	if s, err := spec.ParseSignal(signal); err == nil {
		signal = s
	}
	return &spec.Container{Entrypoint: c.Entrypoint, Command: c.Cmd, Env: Variables(c.Env), User: c.User, WorkingDir: c.WorkingDir, StopSignal: signal}
}
