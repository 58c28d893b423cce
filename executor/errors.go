package executor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"

	"github.com/fairlead-dev/fairlead/planner"
)

// StepError is what went wrong with one step.
type StepError struct {
	Step   *planner.Step
	Title  string          // the step for people: "start container.web"
	Change *planner.Change // nil for a step that serves none
	Err    error
	Tried  bool  // the step's Undo was run
	Undone error // what went wrong with that
}

func (e *StepError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "step %d, %s", e.Step.ID, e.Title)
	if e.Change != nil && e.Change.Decl != nil {
		fmt.Fprintf(&b, " (%s:%d)", e.Change.Decl.Filename, e.Change.Decl.Start.Line)
	}
	fmt.Fprintf(&b, ": %s", e.Err)
	switch {
	case e.Undone != nil:
		fmt.Fprintf(&b, "\n  it could not be undone: %s", e.Undone)
	case e.Tried && slices.ContainsFunc(e.Step.Undo, starts):
		b.WriteString("\n  it is undone: what ran before runs again")
	case e.Tried:
		b.WriteString("\n  it is undone: the new container is removed")
	}
	return b.String()
}

func starts(op planner.Op) bool { return planner.RowOf(op).Is(planner.StartsTask) }

func (e *StepError) Unwrap() error { return e.Err }

// Error is what a run leaves to say: the steps that failed, in step order, and those that never started or were cut off.
type Error struct {
	Total       int
	Steps       []*StepError
	Skipped     []*planner.Step
	Interrupted bool

	plan *planner.Plan
}

// skippedShown is how many of the steps that never started are named.
const skippedShown = 6

// notDone names the steps that never started or were cut off.
func (e *Error) notDone() string {
	var titles []string
	for i, step := range e.Skipped {
		if i == skippedShown && len(e.Skipped) > skippedShown+1 {
			titles = append(titles, fmt.Sprintf("and %d more", len(e.Skipped)-skippedShown))
			break
		}
		titles = append(titles, planner.Title(e.plan, step))
	}
	return strings.Join(titles, ", ")
}

func (e *Error) orNil() error {
	if len(e.Steps) == 0 && len(e.Skipped) == 0 {
		return nil
	}
	slices.SortFunc(e.Steps, func(a, b *StepError) int { return a.Step.ID - b.Step.ID })
	return e
}

func (e *Error) Error() string {
	all := &multierror.Error{ErrorFormat: e.format}
	for _, step := range e.Steps {
		all.Errors = append(all.Errors, step)
	}
	return all.Error()
}

func (e *Error) format(errs []error) string {
	var b strings.Builder
	switch {
	case e.Interrupted && len(errs) == 0:
		fmt.Fprintf(&b, "interrupted: %d of %d steps not done", len(e.Skipped), e.Total)
	default:
		fmt.Fprintf(&b, "%d of %d steps failed, %d skipped", len(errs), e.Total, len(e.Skipped))
	}
	for _, err := range errs {
		b.WriteString("\n" + err.Error())
	}
	if len(e.Skipped) > 0 {
		b.WriteString("\nnot done: " + e.notDone())
	}
	return b.String()
}

// Unwrap lets errors.Is and errors.As look into each step's error.
func (e *Error) Unwrap() []error {
	errs := make([]error, len(e.Steps))
	for i, step := range e.Steps {
		errs[i] = step
	}
	return errs
}
