package ctrd

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	ptypes "github.com/containerd/containerd/v2/pkg/protobuf/types"
	"github.com/containerd/typeurl/v2"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// extension is the key in a container's extensions, and appliedURL the type of what is there.
const (
	extension  = "fairlead"
	appliedURL = "fairlead/applied.v1"
)

// applied is what was last asked of a container, and what else it takes to read the container back: the image's share, and what
// names came to. No value of env is in it.
type applied struct {
	Spec   *spec.Container `json:"spec"`
	Image  imageConfig     `json:"image"`
	User   specs.User      `json:"user"`             // what user and groups came to in that image
	Mounts []string        `json:"mounts,omitempty"` // targets that fairlead mounts by itself

	Mark     string          `json:"mark,omitempty"`      // of this host's key, over whose the container is
	Origin   *planner.Origin `json:"origin,omitempty"`    // where it was applied from
	OwnNames []string        `json:"own_names,omitempty"` // of its image: Spec.Image.Name and the tags made from it, if that record was the stack's own
	Written  *written        `json:"written,omitempty"`   // what else of the record was fairlead's to say; nil for one of an earlier version
}

// imageConfig is an image's share in a container.
type imageConfig struct {
	Env        []string          `json:"env,omitempty"`
	Entrypoint []string          `json:"entrypoint,omitempty"`
	Cmd        []string          `json:"cmd,omitempty"`
	User       string            `json:"user,omitempty"`
	WorkingDir string            `json:"working_dir,omitempty"`
	StopSignal string            `json:"stop_signal,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
}

// imageShare takes an image's config as docker does: of two variables of one name the last counts, one without a value is none, the
// usual path is there where the image sets none, an entrypoint that is one empty word is none, and a relative directory is below the
// root. An error says what no process can be given.
func imageShare(c ocispec.ImageConfig) (imageConfig, error) {
	out := imageConfig{Entrypoint: c.Entrypoint, Cmd: c.Cmd, User: c.User, WorkingDir: c.WorkingDir, StopSignal: c.StopSignal, Labels: c.Labels}
	if len(c.Entrypoint) == 1 && c.Entrypoint[0] == "" {
		out.Entrypoint = nil
	}
	if c.WorkingDir != "" {
		out.WorkingDir = path.Clean("/" + c.WorkingDir)
	}
	out.Env = lastOfEach(c.Env)
	if !slices.ContainsFunc(out.Env, func(kv string) bool { return strings.HasPrefix(kv, "PATH=") }) {
		out.Env = append(out.Env, defaultPath)
	}
	if text := spec.PathTrouble(out.WorkingDir); text != "" {
		return out, errors.New("its config can't be run: its working directory " + text)
	}
	if text := spec.ProcessTrouble(slices.Concat([]string{"-"}, out.Entrypoint, out.Cmd), out.Env); text != "" {
		return out, errors.New("its config can't be run: " + text)
	}
	return out, nil
}

// lastOfEach gives the variables that count: of two of one name the last, and none without a value.
func lastOfEach(env []string) []string {
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

// container is an image's share as a block would have to say it.
func (c imageConfig) container() *spec.Container {
	signal := c.StopSignal
	if s, err := spec.ParseSignal(signal); err == nil {
		signal = s
	}
	return &spec.Container{Entrypoint: c.Entrypoint, Command: c.Cmd, Env: pairs(c.Env), User: c.User, WorkingDir: c.WorkingDir, StopSignal: signal}
}

// encode gives the extension's value.
func (a applied) encode() (typeurl.Any, error) {
	bare := *a.Spec
	bare.Env = make(map[string]string, len(a.Spec.Env))
	for k := range a.Spec.Env {
		bare.Env[k] = ""
	}
	a.Spec = &bare
	b, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	return &ptypes.Any{TypeUrl: appliedURL, Value: b}, nil
}

// decodeApplied reads the extension; nil where there is none.
func decodeApplied(extensions map[string]*ptypes.Any) (*applied, error) {
	x := extensions[extension]
	if x == nil || x.TypeUrl != appliedURL {
		return nil, nil
	}
	var a applied
	if err := json.Unmarshal(x.Value, &a); err != nil {
		return nil, fmt.Errorf("extension %s: %w", extension, err)
	}
	if a.Spec == nil {
		return nil, fmt.Errorf("extension %s: no spec in it", extension)
	}
	return &a, nil
}
