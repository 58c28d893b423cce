package planner

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-dev/fairlead/spec"
)

// TestQuestions: a plan asks for no more of the host than it can use.
func TestQuestions(t *testing.T) {
	im := &spec.Image{Block: spec.Block{Addr: spec.Addr{Kind: spec.KindImage, Name: "a"}}, Name: "a", Build: &spec.Build{}}
	want := &spec.Config{Stack: spec.Stack{Name: "s"}, Resources: []spec.Resource{im}}
	owned := func(name, inputs string) *LiveImage {
		return &LiveImage{Live: Live{Kind: spec.KindImage, ID: name, Owner: &Owner{Stack: "s", Addr: im.Addr}}, Digest: "d", Inputs: inputs}
	}
	found := &Sources{Images: map[string]*Source{SourceKey(im): {Emulated: []RunInstruction{{Line: 1, Platforms: []string{"linux/arm64"}}}}}}
	for name, tt := range map[string]struct {
		images  map[string]*LiveImage
		sources *Sources
		o       Options
		want    Questions
	}{
		"first apply":             {nil, found, Options{}, Questions{Platforms: []string{"linux/arm64"}}},
		"it is there":             {map[string]*LiveImage{"a": owned("a", "i")}, &Sources{}, Options{}, Questions{}},
		"one goes":                {map[string]*LiveImage{"b": owned("b", "i")}, &Sources{}, Options{}, Questions{Blobs: true}},
		"destroy":                 {map[string]*LiveImage{"a": owned("a", "i")}, &Sources{}, Options{Destroy: true}, Questions{Blobs: true}},
		"destroy all but some":    {map[string]*LiveImage{"a": owned("a", "i"), "c": owned("c", "")}, &Sources{}, Options{Destroy: true, Excludes: []spec.Addr{im.Addr}}, Questions{Blobs: true, Inputs: []string{"a"}}},
		"another stack's is left": {map[string]*LiveImage{"b": {Live: Live{ID: "b", Owner: &Owner{Stack: "t"}}}}, &Sources{}, Options{}, Questions{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := QuestionsOf(want, &State{Images: tt.images}, tt.sources, tt.o)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
