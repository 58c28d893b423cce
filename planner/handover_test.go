package planner

import (
	"math/rand"
	"slices"
	"testing"

	"github.com/fairlead-dev/fairlead/spec"
)

// madeBy is Make with the maker itself, which knows who takes over from whom.
func madeBy(t *testing.T, cfg *spec.Config, h *model, o Options) (*maker, *Plan) {
	t.Helper()
	m := newMaker(cfg, h.observe(cfg), o)
	p, diags := m.plan()
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return m, p
}

// applyInterrupted runs n steps in an order that the edges allow, and then only what an interrupt doesn't hold back.
func (h *model) applyInterrupted(p *Plan, n int, pick func(int) int) error {
	done := map[int]bool{}
	h.begin(p)
	for {
		var ready []*Step
		for _, s := range p.Steps {
			if !done[s.ID] && (n > 0 || s.Finish) && !slices.ContainsFunc(s.After, func(a int) bool { return !done[a] }) {
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
func lost(before, after *model, hs []*handover) (*leaver, *comer) {
	for _, h := range hs {
		for _, y := range h.to {
			for _, x := range h.of[y] {
				was, is := before.containers[x.live.ID], after.containers[x.live.ID]
				comes := slices.ContainsFunc(sortedKeys(after.containers), func(id string) bool {
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
		m, p := madeBy(t, cfg, h, Options{NewID: w.newID})
		hs := m.handovers()
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
