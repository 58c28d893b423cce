package ctrd

import (
	"encoding/json"
	"fmt"

	ptypes "github.com/containerd/containerd/v2/pkg/protobuf/types"
	"github.com/containerd/typeurl/v2"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/fairlead-dev/fairlead/executor/imageconfig"
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
	Spec   *spec.Container    `json:"spec"`
	Image  imageconfig.Config `json:"image"`
	User   specs.User         `json:"user"`             // what user and groups came to in that image
	Mounts []string           `json:"mounts,omitempty"` // targets that fairlead mounts by itself

	Mark     string          `json:"mark,omitempty"`      // of this host's key, over whose the container is
	Origin   *planner.Origin `json:"origin,omitempty"`    // where it was applied from
	OwnNames []string        `json:"own_names,omitempty"` // of its image: Spec.Image.Name and the tags made from it, if that record was the stack's own
	Written  *written        `json:"written,omitempty"`   // what else of the record was fairlead's to say; nil for one of an earlier version
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
