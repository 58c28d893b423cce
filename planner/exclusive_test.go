package planner

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/fairlead-dev/fairlead/spec"
)

// TestExclusiveKinds: two containers that have one of a kind conflict, unless both start first and it may overlap.
func TestExclusiveKinds(t *testing.T) {
	for name, overlaps := range map[string]bool{"the name": false, "the host network": true, "the path": true} {
		i := slices.IndexFunc(exclusiveKinds, func(k *exclusiveKind) bool { return k.name == name })
		if i < 0 {
			t.Fatalf("no row for %s", name)
		}
		names := 0
		with := func(strategy string) *spec.Container {
			names++
			c := &spec.Container{Name: "c" + fmt.Sprint(names), NetworkMode: spec.NetworkNone, Update: spec.Update{Strategy: strategy}}
			switch name {
			case "the name":
				c.Name = "web"
			case "the host network":
				c.NetworkMode = spec.NetworkHost
			case "the path":
				c.Mounts = []spec.Mount{{Target: "/x", Bind: "/x"}, {Target: "/y", Bind: "/" + strategy, ReadOnly: true}}
			}
			return c
		}
		for _, x := range []struct {
			a, b string
			want bool
		}{{spec.StopFirst, spec.StopFirst, true}, {spec.StopFirst, spec.StartFirst, true}, {spec.StartFirst, spec.StartFirst, !overlaps}} {
			a, b := with(x.a), with(x.b)
			got := slices.ContainsFunc(conflicts(a, b), func(e exclusive) bool { return e.kind.name == name })
			if got != x.want {
				t.Errorf("%s, %s beside %s: conflict %v", name, x.a, x.b, got)
			}
		}
	}
}

// TestAKindOfExclusiveIsOneRow: with a row for ports, who has one is stopped before another one starts with it, whichever of the two is new, replaced or
// removed.
func TestAKindOfExclusiveIsOneRow(t *testing.T) {
	all := exclusiveKinds
	t.Cleanup(func() { exclusiveKinds = all })
	exclusiveKinds = append(slices.Clip(all), &exclusiveKind{name: "the port", values: func(c *spec.Container) []string {
		if p := c.Labels["port"]; p != "" {
			return []string{p}
		}
		return nil
	}})
	c := func(name, port, strategy string) string {
		return "container \"" + name + "\" {\n image = \"r.example.com/" + map[bool]string{true: "a", false: "c"}[name < "m"] + ":1\"\n network_mode = \"none\"\n env = { P = \"" + name + port +
			"\" }\n labels = { port = \"" + port + "\" }\n update {\n strategy = \"" + strategy + "\"\n }\n}\n"
	}
	for name, x := range map[string]struct{ first, then, from, to string }{
		"removed, new":      {c("a", "80", "stop-first"), c("z", "80", "start-first"), "a", "z"},
		"removed, replaced": {c("a", "80", "stop-first") + c("z", "81", "start-first"), c("z", "80", "start-first"), "a", "z"},
		"replaced, new":     {c("a", "80", "start-first"), c("a", "81", "stop-first") + c("z", "80", "stop-first"), "a", "z"},
		"replaced, before":  {c("b", "1", "stop-first") + c("c", "80", "stop-first"), c("b", "80", "stop-first") + c("c", "3", "stop-first"), "c", "b"},
		"two for one":       {c("a", "80", "stop-first") + c("b", "81", "stop-first"), c("z", "80", "stop-first") + c("y", "81", "start-first"), "b", "y"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{r: rand.New(rand.NewSource(1))}
			h := newModel(sources())
			converge(t, w, h, loaded(t, "stack \"s\" {}\n"+x.first), "first")
			had := map[string]string{} // container IDs
			for id, l := range h.containers {
				had[l.Owner.Addr.Name] = id
			}
			cfg := loaded(t, "stack \"s\" {}\n"+x.then)
			have, sources := h.observe(cfg)
			p, diags := Make(cfg, have, sources, Options{NewID: w.newID})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			var stop, start *Step
			for _, s := range p.Steps {
				switch {
				case RowOf(s.Op).Is(StopsTask) && containerOf(s.Op) == had[x.from]:
					stop = s
				case RowOf(s.Op).Is(StartsTask) && p.Changes[s.Change].Addr.Name == x.to:
					start = s
				}
			}
			if stop == nil || start == nil || !comesAfter(p, start, stop.ID) {
				t.Errorf("%s starts before %s is stopped\n%s", x.to, x.from, p)
			}
			checkInvariants(t, p, h)
			converge(t, w, h, cfg, "then")
		})
	}
}

// comesAfter tells whether a step waits for another one, by whatever is between them.
func comesAfter(p *Plan, s *Step, id int) bool {
	return slices.ContainsFunc(s.After, func(a int) bool { return a == id || comesAfter(p, p.Steps[a-1], id) })
}

// TestListening: what makes two containers listen alike is compared by value.
func TestListening(t *testing.T) {
	with := func(size int64) *spec.Container {
		return &spec.Container{NetworkMode: spec.NetworkHost, Mounts: []spec.Mount{{Target: "/t", Tmpfs: &spec.Tmpfs{Size: size}}}}
	}
	if a, b, c := listening(with(1)), listening(with(1)), listening(with(2)); a == "" || a != b || a == c {
		t.Errorf("%s\n%s\n%s", a, b, c)
	}
}
