package planner

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-dev/fairlead/spec"
)

func TestStale(t *testing.T) {
	image := func(id, seen string) *LiveImage {
		return &LiveImage{Live: Live{Kind: spec.KindImage, ID: id, Seen: seen}}
	}
	container := func(id, name, seen string) *LiveContainer {
		return &LiveContainer{Live: Live{Kind: spec.KindContainer, ID: id, Name: name, Seen: seen}, Image: "a:1"}
	}
	owner := Owner{Stack: "s", Addr: spec.Addr{Kind: spec.KindContainer, Name: "new"}}
	owned := container("owned", "", "1")
	owned.Owner = &owner
	p := &Plan{
		Touches: []Touch{{Kind: spec.KindImage, ID: "a:1", Name: "a:1", Seen: "1"}, {Kind: spec.KindImage, ID: "gone:1", Name: "gone:1", Seen: "1"}, {Kind: spec.KindContainer, ID: "c", Name: "web", Seen: "1"}},
		Steps: []*Step{
			{Op: &PullImage{Name: "b:1"}}, {Op: &UntagImage{Name: "a:1"}}, {Op: &RemoveContainer{ID: "c"}},
			{Op: &CreateContainer{ID: "n1", Owner: owner, Want: &spec.Container{Name: "new"}}},
		},
	}
	asSeen := State{Images: map[string]*LiveImage{"a:1": image("a:1", "1"), "gone:1": image("gone:1", "1")}, Containers: []*LiveContainer{container("c", "web", "1")}}
	for name, c := range map[string]struct {
		change func(*State)
		want   []string
	}{
		"as the plan saw it":       {func(*State) {}, nil},
		"a record is gone":         {func(s *State) { delete(s.Images, "gone:1") }, []string{"The image gone:1: it is gone. Plan again."}},
		"a record moved":           {func(s *State) { s.Images["a:1"] = image("a:1", "2") }, []string{"The image a:1: it changed since the plan was made. Plan again."}},
		"a record came":            {func(s *State) { s.Images["b:1"] = image("b:1", "1") }, []string{"The image b:1: it was not there when the plan was made. Plan again."}},
		"a container changed":      {func(s *State) { s.Containers[0].Seen = "2" }, []string{"The container web (c): it changed since the plan was made. Plan again."}},
		"a container has a name":   {func(s *State) { s.Containers = append(s.Containers, container("d", "new", "1")) }, []string{"The container new (d): it uses the image a:1, which the plan untags, and it was not there when the plan was made. Plan again."}},
		"a container has an owner": {func(s *State) { owned.Image = ""; s.Containers = append(s.Containers, owned) }, []string{"The container owned: it was not there when the plan was made. Plan again."}},
		"the plan was applied":     {func(s *State) { s.Containers = append(s.Containers, container("n1", "new", "1")) }, []string{"The container new (n1): the plan has been applied already, at least in part. Plan again."}},
	} {
		t.Run(name, func(t *testing.T) {
			have := State{Images: map[string]*LiveImage{}, Containers: []*LiveContainer{container("c", "web", "1")}}
			for n, rec := range asSeen.Images {
				have.Images[n] = rec
			}
			c.change(&have)
			var got []string
			for _, d := range Stale(p, &have) {
				got = append(got, d.Detail)
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestStalePlanOfAnotherVersion: a saved plan may name kinds that this version doesn't know.
func TestStalePlanOfAnotherVersion(t *testing.T) {
	p := &Plan{Touches: []Touch{{Kind: "dial", ID: "a", Seen: "1"}, {Kind: spec.KindEmulator, ID: "arm64", Seen: "1"}}}
	if got := Stale(p, &State{}); len(got) != 2 || got[0].Detail != "The dial a: it is gone. Plan again." {
		t.Error(got)
	}
}
