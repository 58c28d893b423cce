package executor

import (
	"time"

	"github.com/fairlead-dev/fairlead/planner"
)

// Event is one fact about a running plan. A view folds them.
type Event struct {
	At       time.Time
	Step     *planner.Step
	Kind     EventKind
	Progress Progress // of Progressed
	Err      error    // of Failed
	Took     time.Duration
}

// EventKind says what happened to a step.
type EventKind string

// The kinds. Each step gets Started and then, after any number of Progressed, Succeeded or Failed, or Skipped if an interrupt cut it
// off; or Skipped or Passed alone.
const (
	Started    EventKind = "started"
	Progressed EventKind = "progressed"
	Succeeded  EventKind = "succeeded"
	Failed     EventKind = "failed"
	Undone     EventKind = "undone" // the step failed, and its Undo has been run; Err says what of it failed
	Skipped    EventKind = "skipped"
	Passed     EventKind = "passed" // it depends on a change that wasn't one, so there was nothing to do
)

// Progress is how far a step is. Units are named by what they count.
type Progress struct {
	Done, Total int64    // bytes; Total is 0 where nobody knows
	Note        string   // "3 of 7 layers", "waiting for the process to end"
	Lines       []string // for a log, each once: steps of a build that ended, and what they print
	Same        bool     // the step has made what was there already, so what hangs on a change of it is passed over
}
