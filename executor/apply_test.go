package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-dev/fairlead/planner"
)

// recorder runs ops by name: it notes the order, and fails or blocks where it is told to.
type recorder struct {
	mu     sync.Mutex
	ran    []string
	fails  map[string]error
	blocks map[string]time.Duration
	alive  int
	peak   int
}

func name(op planner.Op) string {
	switch op := op.(type) {
	case *planner.StartTask:
		return op.ID
	case *planner.AwaitReady:
		return "await " + op.ID
	}
	return fmt.Sprintf("%T", op)
}

func (r *recorder) Passed(planner.Op) {}

func (r *recorder) Run(_ context.Context, op planner.Op, _ func(Progress)) error {
	n := name(op)
	r.mu.Lock()
	r.ran = append(r.ran, n)
	busy := !planner.RowOf(op).Is(planner.OnlyWaits)
	if busy {
		r.alive++
		r.peak = max(r.peak, r.alive)
	}
	r.mu.Unlock()
	time.Sleep(r.blocks[n] + time.Millisecond)
	r.mu.Lock()
	if busy {
		r.alive--
	}
	r.mu.Unlock()
	if n == "panic" {
		panic("boom")
	}
	return r.fails[n]
}

func step(id int, after ...int) *planner.Step {
	return &planner.Step{ID: id, Op: &planner.StartTask{ID: fmt.Sprint(id)}, Change: -1, After: after}
}

func plan(steps ...*planner.Step) *planner.Plan { return &planner.Plan{Steps: steps} }

func TestOneAtATimeIsThePlansOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		if err := Apply(t.Context(), plan(step(1), step(2, 1), step(3), step(4, 2), step(5)), r, Options{}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(r.ran, " "); got != "1 2 3 4 5" || r.peak != 1 {
			t.Errorf("ran %s with %d at once", got, r.peak)
		}
	})
}

func TestBoundHoldsAndWaitingTakesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{blocks: map[string]time.Duration{"await a": time.Hour}}
		steps := []*planner.Step{{ID: 1, Op: &planner.AwaitReady{ID: "a"}, Change: -1}}
		for i := 2; i < 20; i++ {
			steps = append(steps, step(i))
		}
		begin := time.Now()
		if err := Apply(t.Context(), plan(steps...), r, Options{Parallel: 3}); err != nil {
			t.Fatal(err)
		}
		if r.peak != 3 {
			t.Errorf("%d calls at once, want 3", r.peak)
		}
		if took := time.Since(begin); took > time.Hour+time.Minute {
			t.Errorf("took %s: the wait held others back", took)
		}
	})
}

func TestFailureSkipsWhatDependsOnItAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		r := &recorder{fails: map[string]error{"1": boom, "3": boom}}
		err := Apply(t.Context(), plan(step(1), step(2, 1), step(3), step(4), step(5, 4)), r, Options{Parallel: 2})
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, boom) {
			t.Fatalf("got %v", err)
		}
		if len(e.Steps) != 2 || e.Steps[0].Step.ID != 1 || e.Steps[1].Step.ID != 3 || len(e.Skipped) != 1 || e.Skipped[0].ID != 2 {
			t.Errorf("got %v", err)
		}
		slices.Sort(r.ran)
		if got := strings.Join(r.ran, " "); got != "1 3 4 5" {
			t.Errorf("ran %s", got)
		}
	})
}

func TestUndoRunsEachOpWhateverBecameOfTheOneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{fails: map[string]error{"1": errors.New("boom"), "undo-a": errors.New("not that either"), "undo-b": errors.New("nor that")}}
		s := step(1)
		s.Undo = []planner.Op{&planner.StartTask{ID: "undo-a"}, &planner.StartTask{ID: "undo-b"}}
		var kinds []EventKind
		err := Apply(t.Context(), plan(s), r, Options{Notify: func(e Event) { kinds = append(kinds, e.Kind) }})
		if got := strings.Join(r.ran, " "); got != "1 undo-a undo-b" {
			t.Errorf("ran %s", got)
		}
		if !slices.Equal(kinds, []EventKind{Started, Failed, Undone}) {
			t.Errorf("told %v", kinds)
		}
		if !strings.Contains(err.Error(), "not that either; nor that") {
			t.Errorf("got %v", err)
		}
	})
}

func TestInterruptStartsNothingButTheRestOfAReplacement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := &recorder{blocks: map[string]time.Duration{"1": time.Minute}}
		finish := step(2, 1)
		finish.Uninterruptible = true
		time.AfterFunc(time.Second, cancel)
		err := Apply(ctx, plan(step(1), finish, step(3, 1)), r, Options{})
		if got := strings.Join(r.ran, " "); got != "1 2" {
			t.Errorf("ran %s", got)
		}
		var e *Error
		if !errors.As(err, &e) || !e.Interrupted || len(e.Skipped) != 1 {
			t.Errorf("got %v", err)
		}
	})
}

// What an interrupt cuts off is not done rather than failed.
func TestInterruptCutsOffWhatIsSlow(t *testing.T) {
	for _, op := range []planner.Op{&planner.BuildImage{}, &planner.ImportImage{}, &planner.PullImage{}, &planner.LoadImage{}, &planner.PushImage{}} {
		name := fmt.Sprintf("%T", op)
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				r := &recorder{blocks: map[string]time.Duration{name: time.Minute}, fails: map[string]error{name: context.Canceled}}
				slow := step(1)
				slow.Op = op
				time.AfterFunc(time.Second, cancel)
				var last []EventKind
				err := Apply(ctx, plan(slow, step(2, 1)), r, Options{Notify: func(e Event) { last = append(last, e.Kind) }})
				var e *Error
				if !errors.As(err, &e) || !e.Interrupted || len(e.Skipped) != 2 || len(e.Steps) != 0 {
					t.Errorf("got %v", err)
				}
				if !slices.Equal(last, []EventKind{Started, Skipped, Skipped}) {
					t.Errorf("events: %v", last)
				}
			})
		})
	}
}

func TestPanicCostsOneStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		s := step(1)
		s.Op = &planner.StartTask{ID: "panic"}
		err := Apply(t.Context(), plan(s, step(2)), r, Options{})
		if err == nil || !strings.Contains(err.Error(), "this is a bug in fairlead") || !slices.Contains(r.ran, "2") {
			t.Errorf("got %v after %v", err, r.ran)
		}
	})
}

// same reports for the named ops that they changed nothing.
type same struct {
	*recorder
	of map[string]bool
}

func (r same) Run(ctx context.Context, op planner.Op, report func(Progress)) error {
	if r.of[name(op)] {
		report(Progress{Same: true})
	}
	return r.recorder.Run(ctx, op, report)
}

func TestStepsThatHangOnAChangeArePassedOver(t *testing.T) {
	steps := func() *planner.Plan {
		p := plan(step(1), step(2), step(3, 1), step(4, 1, 2), step(5, 3), step(6, 5))
		p.Steps[2].If = []int{1}    // 3: passed over
		p.Steps[3].If = []int{1, 2} // 4: step 2 changed something
		p.Steps[4].If = []int{3}    // 5: what was passed over changed nothing
		return p
	}
	synctest.Test(t, func(t *testing.T) {
		r := same{&recorder{}, map[string]bool{"1": true}}
		var passed []int
		err := Apply(t.Context(), steps(), r, Options{Notify: func(e Event) {
			if e.Kind == Passed {
				passed = append(passed, e.Step.ID)
			}
		}})
		if got := strings.Join(r.ran, " "); err != nil || got != "1 2 4 6" || !slices.Equal(passed, []int{3, 5}) {
			t.Errorf("ran %s, passed over %v, %v", got, passed, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		if err := Apply(t.Context(), steps(), r, Options{}); err != nil || len(r.ran) != 6 {
			t.Errorf("ran %v, %v", r.ran, err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // a failure passes nothing over
		r := &recorder{fails: map[string]error{"1": errors.New("no")}}
		err := Apply(t.Context(), steps(), r, Options{})
		var e *Error
		if !errors.As(err, &e) || len(e.Skipped) != 4 {
			t.Errorf("got %v", err)
		}
	})
}
