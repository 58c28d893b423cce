package planner

import (
	"fmt"
	"testing"

	"github.com/fairlead-dev/fairlead/spec"
)

// The keys of a map that is sensitive as a whole are in no difference. A record of the version that marked each key besides compares equal.
func TestKeysOfSensitiveMapsAreNotInDiffs(t *testing.T) {
	with := func(env map[string]string, marks ...string) *spec.Container {
		c := &spec.Container{Env: env}
		c.Marks.Sensitive = map[string]bool{}
		for _, m := range marks {
			c.Marks.Sensitive[m] = true
		}
		return c
	}
	old := with(map[string]string{"A": "1", "B": "2"}, "env", `env["A"]`, `env["B"]`)
	same := with(map[string]string{"A": "1", "B": "2"}, "env")
	other := with(map[string]string{"C": "1"}, "env")
	for _, c := range []struct {
		live, want *spec.Container
		diffs      string
	}{
		{old, same, "[]"}, {same, other, "[env]"}, {with(map[string]string{"C": "2"}), other, "[env]"}, {old, with(nil), "[env]"},
		{with(map[string]string{"C": "2"}, `env["C"]`), with(map[string]string{"C": "1"}, `env["C"]`), `[env["C"]]`},
	} {
		var paths []string
		for _, d := range compareContainers(&LiveContainer{}, c.live, c.want, nil) {
			paths = append(paths, d.Path)
			if !d.Secret {
				t.Errorf("%s is shown", d.Path)
			}
		}
		if got := fmt.Sprint(paths); got != c.diffs {
			t.Errorf("got %s, want %s", got, c.diffs)
		}
	}
}
