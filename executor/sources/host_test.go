package sources

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// fakeHost has one image, and the inputs that it was built from.
type fakeHost struct {
	noHost
	complete map[string]int64
	config   string
	inputs   planner.Inputs

	inputsAsked bool
}

func (h *fakeHost) CompletePlatforms(context.Context, string) (map[string]int64, error) {
	return h.complete, nil
}

func (h *fakeHost) ImageConfig(context.Context, string, string) []byte { return []byte(h.config) }

func (h *fakeHost) RecordedInputs(context.Context, string) (planner.Inputs, error) {
	h.inputsAsked = true
	return h.inputs, nil
}

// A base that is whole on the host is taken from there, with its ONBUILD instructions, and no registry is asked. What an image was built from is
// asked for only where it isn't what it would be built from now.
func TestHostIsAskedForWhatItAloneKnows(t *testing.T) {
	const platform, base = "linux/amd64", "sha256:base"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	im := &spec.Image{Block: spec.Block{Addr: spec.Addr{Kind: spec.KindImage, Name: "a"}}, Name: "docker.io/s/a:latest",
		Build: &spec.Build{Inline: "FROM local.invalid/base\n", Context: dir, Platforms: []string{platform}}}
	images := map[string]*planner.LiveImage{"local.invalid/base:latest": {Digest: base}}
	host := &fakeHost{complete: map[string]int64{platform: 7}, config: `{"config":{"OnBuild":["COPY a /a"]}}`}
	read := func() *planner.Source {
		t.Helper()
		host.inputsAsked = false
		found, err := Read(t.Context(), &spec.Config{Resources: []spec.Resource{im}, Lock: spec.Lock{}}, images, host, Options{Platform: platform})
		if err != nil || found.Of(im).Err != "" {
			t.Fatal(err, found.Of(im).Err)
		}
		return found.Of(im)
	}
	src := read()
	if b := src.Bases; len(b) != 1 || !b[0].Local || b[0].Digest != base || !slices.Equal(b[0].OnBuild, []string{"COPY a /a"}) {
		t.Fatalf("the base on the host: %+v", b)
	}
	if src.LastInputs != nil || host.inputsAsked {
		t.Error("it is asked what an image that isn't there was built from")
	}
	now := planner.FillBases(src.Inputs, src.Bases)
	images[im.Name] = &planner.LiveImage{Inputs: now.Digest()}
	if src := read(); src.LastInputs != nil || host.inputsAsked {
		t.Errorf("an image that would be built from the same: what it was built from is asked for, and is %v", src.LastInputs)
	}
	host.inputs = planner.Inputs{{Kind: planner.InputDockerfile, Name: "Dockerfile", Value: "another"}}
	images[im.Name].Inputs = host.inputs.Digest()
	if src := read(); !slices.Equal(src.LastInputs, host.inputs) {
		t.Errorf("what an image was built from: %v", src.LastInputs)
	}
}
