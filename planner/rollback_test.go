package planner

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/fairlead-dev/fairlead/spec"
)

// applyFailing runs a plan as the executor does, where the op that bad picks fails: its undo is run, what depends on it is
// skipped, and the rest goes on.
func (h *model) applyFailing(p *Plan, bad func(*Step) bool) (failed []*Step, err error) {
	state := map[int]string{}
	h.begin(p)
	for _, s := range p.Steps {
		if slices.ContainsFunc(s.After, func(a int) bool { return state[a] != "done" }) {
			state[s.ID] = "skipped"
			continue
		}
		if !h.passesOver(s) && bad(s) {
			if op, ok := s.Op.(*StartTask); ok { // it came up, and ended at once
				h.containers[op.ID].Task = Task{Status: TaskStopped, ExitCode: 1}
			}
			state[s.ID] = "failed"
			failed = append(failed, s)
			for _, u := range s.Undo {
				if err := h.run(u); err != nil {
					return failed, fmt.Errorf("step %d: undo: %w", s.ID, err)
				}
			}
			continue
		}
		if err := h.step(s); err != nil {
			return failed, fmt.Errorf("step %d: %w", s.ID, err)
		}
		state[s.ID] = "done"
	}
	return failed, nil
}

// TestFailedReplacementsAreUndone: where a new container does not start or become ready, the one before it runs as it did, and a later
// apply of what was wanted, or of what was there, converges.
func TestFailedReplacementsAreUndone(t *testing.T) {
	undone := 0
	for seed := int64(0); seed < 150; seed++ {
		w := &world{r: rand.New(rand.NewSource(seed))}
		h := newModel(sources())
		first := w.config()
		converge(t, w, h, first, "first")
		next := w.config()
		for _, c := range spec.Of[*spec.Container](next) {
			c.Update.Rollback = true
		}
		p, diags := h.plan(next, Options{NewID: w.newID})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		before := h.clone()
		failed, err := h.applyFailing(p, func(s *Step) bool {
			_, start := s.Op.(*StartTask)
			_, await := s.Op.(*AwaitReady)
			return (start || await) && w.chance(40)
		})
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, p)
		}
		for _, s := range failed {
			c := p.Changes[s.Change]
			if c.Action != Replace {
				continue
			}
			undone++
			old, now := before.containers[c.Old], h.containers[c.Old]
			if now == nil || now.Task.Status != old.Task.Status || now.Pending != old.Pending {
				t.Fatalf("seed %d: %s is not as it was before its replacement failed: %+v\n%s", seed, c.Addr, now, p)
			}
			if h.containers[containerOf(s.Op)] != nil {
				t.Fatalf("seed %d: the new %s is still there\n%s", seed, c.Addr, p)
			}
		}
		back := h.clone()
		converge(t, w, h, next, fmt.Sprintf("seed %d, again", seed))
		converge(t, w, back, first, fmt.Sprintf("seed %d, back", seed))
	}
	if undone < 50 {
		t.Fatalf("only %d replacements failed: the test does not test much", undone)
	}
}

// TestOldStartsAgainAfterACutReplacement: an apply stopped the old container and was killed; the one that carries on fails. The old one runs
// again nevertheless.
func TestOldStartsAgainAfterACutReplacement(t *testing.T) {
	w := &world{}
	h := newModel(sources())
	config := func(env string) *spec.Config {
		im := &spec.Image{Block: spec.Block{Addr: spec.Addr{Kind: spec.KindImage, Name: "i"}}, Name: "r.example.com/b:1", Pull: "r.example.com/b:1"}
		c := &spec.Container{Block: spec.Block{Addr: spec.Addr{Kind: spec.KindContainer, Name: "web"}, References: []spec.Addr{im.Addr}}, Name: "shop-web", Image: spec.ImageRef{Addr: im.Addr, Name: im.Name},
			NetworkMode: "none", State: "running", Ready: "started", Restart: spec.Restart{Policy: "no"}, Env: map[string]string{"A": env}, Update: spec.Update{Strategy: spec.StopFirst, Rollback: true}}
		return &spec.Config{Stack: spec.Stack{Name: "shop"}, Resources: []spec.Resource{im, c}}
	}
	for _, env := range []string{"1", "2"} {
		cfg := config(env)
		p, diags := h.plan(cfg, Options{NewID: w.newID})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		n := -1
		if env == "2" {
			n = 3 // create, check, stop
		}
		if err := h.apply(p, n, func(int) int { return 0 }); err != nil {
			t.Fatal(err)
		}
	}
	cfg := config("2")
	p, _ := h.plan(cfg, Options{NewID: w.newID})
	if _, err := h.applyFailing(p, func(s *Step) bool { _, await := s.Op.(*AwaitReady); return await }); err != nil {
		t.Fatal(err)
	}
	for _, l := range h.containers {
		if l.Spec.Env["A"] == "1" && l.Task.Status == TaskRunning {
			return
		}
	}
	t.Fatalf("the old container does not run:\n%s\n%s", h.text(), p)
}
