package planner

import (
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/fairlead-dev/fairlead/spec"
)

// madeBy is Make with the maker itself, which knows who takes over from whom.
func madeBy(t *testing.T, cfg *spec.Config, h *model, o Options) (*planBuilder, *Plan) {
	t.Helper()
	have, sources := h.observe(cfg)
	pb := newPlanBuilder(cfg, have, sources, o)
	p, diags := pb.plan()
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return pb, p
}

// applyInterrupted runs n steps in an order that the edges allow, and then only what an interrupt doesn't hold back.
func (h *model) applyInterrupted(p *Plan, n int, pick func(int) int) error {
	done := map[int]bool{}
	h.begin(p)
	for {
		var ready []*Step
		for _, s := range p.Steps {
			if !done[s.ID] && (n > 0 || s.Uninterruptible) && !slices.ContainsFunc(s.After, func(a int) bool { return !done[a] }) {
				ready = append(ready, s)
			}
		}
		if len(ready) == 0 {
			return nil
		}
		s := ready[pick(len(ready))]
		done[s.ID] = true
		if err := h.step(s); err != nil {
			return err
		}
		n--
	}
}

// lost says which container no longer runs though what takes its place doesn't either; nil: none.
func lost(before, after *model, hs []*handover) (*outgoing, *incoming) {
	for _, h := range hs {
		for _, y := range h.to {
			for _, x := range h.predecessors[y] {
				was, is := before.containers[x.live.ID], after.containers[x.live.ID]
				comes := slices.ContainsFunc(slices.Sorted(maps.Keys(after.containers)), func(id string) bool {
					l := after.containers[id]
					return l.Owner != nil && l.Owner.Addr == y.want.Addr && !l.Pending
				})
				if was.Task.Up() && !comes && (is == nil || is.Task.Status != was.Task.Status) {
					return x, y
				}
			}
		}
	}
	return nil, nil
}

// TestHandovers: where a container takes over what another one had alone, from one block to another, one of the two runs whatever fails
// and wherever an interrupt comes; and a later apply converges.
func TestHandovers(t *testing.T) {
	taken, gave := 0, 0
	for seed := range 60 {
		w := &fileWorld{world{r: rand.New(rand.NewSource(int64(seed)))}, map[string]string{}}
		h := newModel(sources())
		h.sources["image.a"], h.sources["image.b"] = &Source{}, &Source{}
		first := loaded(t, w.files())
		converge(t, &w.world, h, first, "first")
		w.anew("p", "q", "r", "s", "each")
		text := w.files()
		cfg := loaded(t, text)
		pb, p := madeBy(t, cfg, h, Options{NewID: w.newID})
		hs := pb.newHandoverMatch().handovers()
		for _, x := range hs {
			taken += len(x.to)
		}
		if len(hs) == 0 {
			continue
		}
		for range 4 {
			failing := h.clone()
			failed, err := failing.applyFailing(p, func(s *Step) bool {
				switch s.Op.(type) {
				case *StartTask, *AwaitReady:
					return w.chance(30)
				case *StopTask, *CreateContainer:
					return w.chance(5)
				}
				return false
			})
			if err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, p)
			}
			for _, s := range failed {
				gave += len(s.Undo)
			}
			if x, y := lost(h, failing, hs); x != nil {
				t.Fatalf("seed %d: %s does not run, nor does %s\n%s%s\n%s", seed, x.addr, y.want.Addr, p, failing.text(), text)
			}
			converge(t, &w.world, failing, cfg, "after a failure")
			cut := h.clone()
			if err := cut.applyInterrupted(p, w.r.Intn(len(p.Steps)), w.r.Intn); err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, p)
			}
			if x, y := lost(h, cut, hs); x != nil {
				t.Fatalf("seed %d: interrupted: %s does not run, nor does %s\n%s%s\n%s", seed, x.addr, y.want.Addr, p, cut.text(), text)
			}
			converge(t, &w.world, cut, cfg, "after an interrupt")
		}
	}
	if taken < 30 || gave < 50 {
		t.Fatalf("only %d take over, and %d ops were undone: the test does not test much", taken, gave)
	}
}

// TestHandoversAmongOthers: containers take over what others had while some that stay, are replaced or take over themselves stand
// between them. Whichever step fails, and wherever an interrupt comes, one of the two runs.
func TestHandoversAmongOthers(t *testing.T) {
	c := func(name, network, env string, more ...string) string {
		return fmt.Sprintf("container %q {\n image = image.a\n network_mode = %q\n env = { A = %q }\n%s\n}\n", name, network, env, strings.Join(more, "\n"))
	}
	after := func(name string) string { return "depends_on = [container." + name + "]" }
	data := "mount {\n bind = \"/srv/data\"\n target = \"/data\"\n}"
	for name, x := range map[string]struct{ first, then, says string }{
		"a pair between two others": {
			c("mid", "host", "mid") + c("old", "host", "old"),
			c("mid2", "host", "mid", after("a")) + c("a", "host", "a") + c("c", "host", "c", after("mid2")),
			"takes over the host network",
		},
		"a replaced one between two others": {
			c("w", "none", "1") + c("old", "host", "old"),
			c("w", "none", "2", after("a")) + c("a", "host", "a") + c("c", "host", "c", after("w")),
			"takes over the host network from container.old",
		},
		"two groups that need each other": {
			c("p1", "none", "p1", data) + c("h1", "host", "h1"),
			c("h2", "host", "h2", after("p2")) + c("h3", "host", "h3") + c("p2", "none", "p2", data) + c("p3", "none", "p3", data, after("h3")),
			"takes over the path /srv/data from container.",
		},
		"a path that both write to": {
			c("db", "none", "1", data),
			c("store", "none", "1", data),
			"takes over the path /srv/data from container.db, stopped first",
		},
		"a path, and another environment": {
			c("db", "none", "1", data),
			c("store", "none", "2", data),
			"takes over the path /srv/data from container.db, stopped first",
		},
		"nothing that one has alone": {
			c("web", "none", "1"),
			c("front", "none", "2"),
			"removed when container.front is ready",
		},
	} {
		t.Run(name, func(t *testing.T) {
			images := "image \"a\" { pull = \"r.example.com/a:1\" }\n"
			w := &world{r: rand.New(rand.NewSource(1))}
			h := newModel(sources())
			converge(t, w, h, loaded(t, "stack \"s\" {}\n"+images+x.first), "first")
			cfg := loaded(t, "stack \"s\" {}\n"+images+x.then)
			pb, p := madeBy(t, cfg, h, Options{NewID: w.newID})
			var notes []string
			for _, c := range p.Changes {
				notes = append(notes, c.Notes...)
			}
			if !strings.Contains(strings.Join(notes, "\n"), x.says) {
				t.Errorf("it says %q\n%s", notes, p)
			}
			hs := pb.newHandoverMatch().handovers()
			for i := range p.Steps {
				failing, cut := h.clone(), h.clone()
				if _, err := failing.applyFailing(p, func(s *Step) bool { return s == p.Steps[i] }); err != nil {
					t.Fatal(err)
				}
				if err := cut.applyInterrupted(p, i, w.r.Intn); err != nil {
					t.Fatal(err)
				}
				for _, after := range []*model{failing, cut} {
					if x, y := lost(h, after, hs); x != nil {
						t.Errorf("at %s: %s does not run, nor does %s\n%s%s", p.Steps[i].Op, x.addr, y.want.Addr, p, after.text())
					}
					converge(t, w, after, cfg, "afterwards")
				}
			}
		})
	}
}
