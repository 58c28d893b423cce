package mark

import (
	"encoding/json"
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/fairlead-dev/fairlead/executor/imageconfig"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// Extension is the key in a container's extensions, and AppliedURL the type of its value.
const (
	Extension  = "fairlead"
	AppliedURL = "fairlead/applied.v1"
)

// Applied is what was last asked of a container, with what it takes to read the container back. No value of env is in it.
type Applied struct {
	Spec   *spec.Container    `json:"spec"`
	Image  imageconfig.Config `json:"image"`
	User   specs.User         `json:"user"`             // the IDs that user and groups stand for in that image
	Mounts []string           `json:"mounts,omitempty"` // targets that fairlead mounts by itself

	Mark     string          `json:"mark,omitempty"`      // of this host's key, over whose the container is
	Origin   *planner.Origin `json:"origin,omitempty"`    // where it was applied from
	OwnNames []string        `json:"own_names,omitempty"` // of its image: Spec.Image.Name and the tags made from it, if that record was the stack's own
	Written  *Written        `json:"written,omitempty"`   // what else of the record was fairlead's to say; nil for one of an earlier version
}

// Written is what a container's record said when fairlead last wrote it, besides what the rows of planner's table read: a change to it by
// somebody else is drift that no attribute shows. It has no value of env, and no argument.
type Written struct {
	Sum  string `json:"sum"`  // of the parts of the record that only a creation writes: equal means unchanged, without a look at Rest
	Rest []byte `json:"rest"` // those parts as JSON, deflated: alike for most containers, and read for few
}

// Encode gives the extension's value, of type AppliedURL.
func (a Applied) Encode() ([]byte, error) {
	bare := *a.Spec
	bare.Env = make(map[string]string, len(a.Spec.Env))
	for k := range a.Spec.Env {
		bare.Env[k] = ""
	}
	a.Spec = &bare
	return json.Marshal(a)
}

// DecodeApplied reads fairlead's extension; nil where there is none.
func DecodeApplied[A interface {
	GetTypeUrl() string
	GetValue() []byte
}](extensions map[string]A) (*Applied, error) {
	x, there := extensions[Extension]
	if !there || x.GetTypeUrl() != AppliedURL {
		return nil, nil
	}
	var a Applied
	if err := json.Unmarshal(x.GetValue(), &a); err != nil {
		return nil, fmt.Errorf("extension %s: %w", Extension, err)
	}
	if a.Spec == nil {
		return nil, fmt.Errorf("extension %s: no spec in it", Extension)
	}
	return &a, nil
}
