package executor

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/fairlead-dev/fairlead/planner"
)

// Runner makes one call. Apply decides when; Run decides nothing. Passed tells it of an op that is not run because nothing changed.
type Runner interface {
	Run(ctx context.Context, op planner.Op, report func(Progress)) error
	Passed(op planner.Op)
}

// Options says how to run a plan.
type Options struct {
	Parallel int         // calls under way at once (waiting for readiness doesn't count); below 1 is 1, which is exactly the plan's order
	Notify   func(Event) // called from one goroutine, in order; nil: nobody is told
}

// Apply runs the steps of a plan, the lowest-numbered first, each once all that it waits for have succeeded. A step with If is passed over,
// as if it had succeeded, where none of those steps changed anything. A failure skips what depends on it and nothing else; a failed step's
// Undo runs at once. When ctx ends, what runs ends, and no new step starts but the rest of a replacement that has begun. The error is nil,
// or an *Error with all that went wrong, in step order.
func Apply(ctx context.Context, p *planner.Plan, r Runner, o Options) error {
	s := &schedule{
		plan: p, runner: r, options: o,
		waits:    make([]int, len(p.Steps)+1),
		same:     make([]bool, len(p.Steps)+1),
		next:     make([][]int, len(p.Steps)+1),
		outcome:  make([]outcome, len(p.Steps)+1),
		messages: make(chan message),
	}
	return s.run(ctx)
}

// outcome is what became of a step.
type outcome int

const (
	waiting outcome = iota
	running
	succeeded
	failed
)

// message is what a worker tells the one goroutine that owns the schedule.
type message struct {
	id       int
	progress *Progress
	err      error // of a step that has ended
	undone   error // of its Undo
	tried    bool  // its Undo was run
}

// schedule is the state of a run. One goroutine owns it; workers only send messages.
type schedule struct {
	plan    *planner.Plan
	runner  Runner
	options Options

	waits    []int   // by step ID: how many steps it still waits for
	same     []bool  // by step ID: it changed nothing
	next     [][]int // by step ID: the steps that wait for it
	ready    []int   // IDs, ascending
	outcome  []outcome
	started  map[int]time.Time
	slots    int // taken of Options.Parallel
	alive    int // workers
	messages chan message
	errs     []*StepError
}

func (s *schedule) run(ctx context.Context) error {
	s.started = map[int]time.Time{}
	for _, step := range s.plan.Steps {
		s.waits[step.ID] = len(step.After)
		for _, id := range step.After {
			s.next[id] = append(s.next[id], step.ID)
		}
		if len(step.After) == 0 {
			s.ready = append(s.ready, step.ID)
		}
	}
	for {
		s.startReady(ctx)
		if s.alive == 0 {
			break
		}
		s.handle(ctx, <-s.messages)
	}
	return s.result(ctx)
}

// startReady starts the steps that may start now, the lowest number first.
func (s *schedule) startReady(ctx context.Context) {
	s.passOver()
	var held []int
	for _, id := range s.ready {
		step := s.plan.Steps[id-1]
		row := planner.RowOf(step.Op)
		busy := !row.Is(planner.OnlyWaits)
		if busy && s.slots >= max(1, s.options.Parallel) || ctx.Err() != nil && !step.Uninterruptible {
			held = append(held, id)
			continue
		}
		if busy {
			s.slots++
		}
		s.alive++
		s.outcome[id] = running
		s.started[id] = time.Now()
		s.notify(Event{Step: step, Kind: Started})
		// An interrupt never cancels a call half-way that changes the host. It cancels one that takes long and changes nothing before
		// its end.
		with := context.WithoutCancel(ctx)
		switch {
		case row.Is(planner.MayBeCutOff):
			with = ctx
		case !step.Uninterruptible:
			with = withInterrupt(ctx)
		}
		go s.work(with, step)
	}
	s.ready = held
}

// passOver takes those steps off the list that depend on changes which weren't any.
func (s *schedule) passOver() {
	for i := 0; i < len(s.ready); {
		step := s.plan.Steps[s.ready[i]-1]
		if len(step.If) == 0 || slices.ContainsFunc(step.If, func(id int) bool { return !s.same[id] }) {
			i++
			continue
		}
		s.ready = slices.Delete(s.ready, i, i+1)
		s.same[step.ID] = true
		s.runner.Passed(step.Op)
		s.notify(Event{Step: step, Kind: Passed})
		s.succeed(step)
		i = 0
	}
}

// succeed lets those that waited for a step go on.
func (s *schedule) succeed(step *planner.Step) {
	s.outcome[step.ID] = succeeded
	for _, id := range s.next[step.ID] {
		if s.waits[id]--; s.waits[id] == 0 {
			i, _ := slices.BinarySearch(s.ready, id)
			s.ready = slices.Insert(s.ready, i, id)
		}
	}
}

// work runs a step in a worker. If it fails, each op of its Undo is run, whatever became of the one before.
func (s *schedule) work(ctx context.Context, step *planner.Step) {
	m := message{id: step.ID, err: s.call(ctx, step.ID, step.Op)}
	if m.err != nil && len(step.Undo) > 0 {
		failed := &multierror.Error{ErrorFormat: joinErrors}
		for _, op := range step.Undo {
			if err := s.call(ctx, step.ID, op); err != nil {
				failed.Errors = append(failed.Errors, err)
			}
		}
		m.tried, m.undone = true, failed.ErrorOrNil()
	}
	s.messages <- m
}

func joinErrors(errs []error) string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// call runs one op; a panic in a runner is a bug, and costs one step rather than the run.
func (s *schedule) call(ctx context.Context, id int, op planner.Op) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("this is a bug in fairlead: %v\n%s", p, debug.Stack())
		}
	}()
	return s.runner.Run(ctx, op, func(p Progress) { s.messages <- message{id: id, progress: &p} })
}

// handle notes what a worker tells.
func (s *schedule) handle(ctx context.Context, m message) {
	step := s.plan.Steps[m.id-1]
	if m.progress != nil {
		s.same[m.id] = s.same[m.id] || m.progress.Same
		s.notify(Event{Step: step, Kind: Progressed, Progress: *m.progress})
		return
	}
	s.alive--
	row := planner.RowOf(step.Op)
	if !row.Is(planner.OnlyWaits) {
		s.slots--
	}
	if ctx.Err() != nil && row.Is(planner.MayBeCutOff) && errors.Is(m.err, context.Canceled) {
		s.outcome[m.id] = waiting // it did not fail: it is not done
		return
	}
	took := time.Since(s.started[m.id])
	if m.err != nil {
		s.outcome[m.id] = failed
		e := &StepError{Step: step, Title: planner.Title(s.plan, step), Err: m.err, Undone: m.undone, Tried: m.tried}
		if step.Change >= 0 && step.Change < len(s.plan.Changes) {
			e.Change = s.plan.Changes[step.Change]
		}
		s.errs = append(s.errs, e)
		s.notify(Event{Step: step, Kind: Failed, Err: m.err, Took: took})
		if m.tried {
			s.notify(Event{Step: step, Kind: Undone, Err: m.undone})
		}
		return
	}
	s.notify(Event{Step: step, Kind: Succeeded, Took: took})
	s.succeed(step)
}

func (s *schedule) notify(e Event) {
	if s.options.Notify != nil {
		e.At = time.Now()
		s.options.Notify(e)
	}
}

// result names what failed, in step order, and what was never started or was cut off.
func (s *schedule) result(ctx context.Context) error {
	e := &Error{Total: len(s.plan.Steps), Steps: s.errs, plan: s.plan}
	for _, step := range s.plan.Steps {
		if s.outcome[step.ID] == waiting {
			e.Skipped = append(e.Skipped, step)
			s.notify(Event{Step: step, Kind: Skipped})
		}
	}
	e.Interrupted = ctx.Err() != nil && len(e.Skipped) > 0
	return e.orNil()
}
