package planner

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// A container whose process nobody can tell makes no plan that is about it, of any kind; one that is left out is no hindrance.
func TestNothingIsDecidedOnAnUnknownState(t *testing.T) {
	const trouble = "its shim, process 4711, runs and doesn't answer"
	addr := func(name string) spec.Addr { return spec.Addr{Kind: spec.KindContainer, Name: name} }
	live := func(name string, pending bool) *LiveContainer {
		return &LiveContainer{Live: Live{Kind: spec.KindContainer, ID: strings.Repeat(name[:1], 64), Name: "s-" + name, Owner: &Owner{Stack: "s", Addr: addr(name)}, Pending: pending},
			Spec: &spec.Container{}, Task: Task{Status: TaskUnknown, Shim: 4711, Trouble: trouble}}
	}
	foreign := live("web", false)
	foreign.Owner = &Owner{Stack: "other", Addr: addr("web")}
	for name, c := range map[string]struct {
		live *LiveContainer
		o    Options
		fail bool
	}{
		"not in the files any more": {live: live("gone", false), fail: true},
		"of an apply that was cut":  {live: live("gone", true), fail: true},
		"destroyed":                 {live: live("gone", false), o: Options{Destroy: true}, fail: true},
		"left out":                  {live: live("gone", false), o: Options{Excludes: []spec.Addr{addr("gone")}}},
		"destroyed, and left out":   {live: live("gone", false), o: Options{Destroy: true, Excludes: []spec.Addr{addr("gone")}}},
		"another stack's":           {live: foreign},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := &spec.Config{Stack: spec.Stack{Name: "s"}}
			have := &State{Host: Host{Platform: "linux/amd64"}, Containers: []*LiveContainer{c.live}}
			p, diags := Make(cfg, have, &Sources{}, c.o)
			if diags.HasErrors() != c.fail {
				t.Fatalf("diagnostics: %v", diags)
			}
			if c.fail {
				if !strings.Contains(diags.Error(), trouble) || !strings.Contains(diags.Error(), "s-gone") {
					t.Errorf("it doesn't say which, and why: %v", diags)
				}
				if u := UnknownTasks(diags); len(u) != 1 || !strings.Contains(u[0], trouble) {
					t.Errorf("unknown: %q", u)
				}
			} else if len(p.Steps) > 0 {
				t.Errorf("steps: %v", p.Steps)
			}
		})
	}
}

func TestASavedPlanSaysWhatIsUnknown(t *testing.T) {
	l := &LiveContainer{Live: Live{Kind: spec.KindContainer, ID: "a", Name: "s-web", Owner: &Owner{Stack: "s", Addr: spec.Addr{Kind: spec.KindContainer, Name: "web"}}, Seen: "1 unknown"},
		Task: Task{Status: TaskUnknown, Shim: 4711, Trouble: "its shim is slow"}}
	p := &Plan{Touches: []Touch{{Kind: spec.KindContainer, ID: "a", Name: "s-web", Seen: "1 running"}}}
	if got := UnknownTasks(Stale(p, &State{Containers: []*LiveContainer{l}})); !slices.Equal(got, []string{"s-web (a): its shim is slow"}) {
		t.Errorf("got %q", got)
	}
}

// What else is wrong doesn't get right by waiting.
func TestUnknownIsTheOnlyFault(t *testing.T) {
	u := &hcl.Diagnostic{Severity: hcl.DiagError, Extra: unknownTask{"web"}}
	for _, c := range []struct {
		diags hcl.Diagnostics
		want  []string
	}{
		{nil, nil},
		{hcl.Diagnostics{u}, []string{"web"}},
		{hcl.Diagnostics{{Severity: hcl.DiagWarning}, u}, []string{"web"}},
		{hcl.Diagnostics{u, {Severity: hcl.DiagError}}, nil},
	} {
		if got := UnknownTasks(c.diags); !slices.Equal(got, c.want) {
			t.Errorf("%v: %q, want %q", c.diags, got, c.want)
		}
	}
}
