package planner

import (
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// Plan is what must happen. It is data: it can be printed, compared, stored and run later.
type Plan struct {
	Stack     string
	Namespace string
	Changes   []*Change // in the order that people read them: by declaration, then what has none
	Steps     []*Step   // by ID: what the executor runs
	Touches   []Touch   // each object that was there and that a step changes
	Pins      spec.Lock // references that the plan resolved and the lock file doesn't have yet
	Summary   Summary
	From      PlannedFrom
	Elsewhere *Origin // where all that there is of the stack was last applied from, if all of it is removed and that is not where the plan was made
}

// PlannedFrom is what a plan was made from, for who runs it later: planner itself doesn't look at it.
type PlannedFrom struct {
	Vars     []string    `json:"vars,omitempty"`      // as NAME=VALUE
	VarFiles []string    `json:"var_files,omitempty"` // absolute paths
	Environ  []string    `json:"environ,omitempty"`   // variables from the environment, as NAME=VALUE
	Targets  []spec.Addr `json:"targets,omitempty"`
	Excludes []spec.Addr `json:"excludes,omitempty"`
	Destroy  bool        `json:"destroy,omitempty"`
	Files    string      `json:"files,omitempty"` // digest of the stack's files
}

// Empty tells whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 }

// Summary is the plan in numbers.
type Summary struct {
	Actions   map[string]int `json:"actions"`                 // how many changes of each action, by its verb: "create", "replace", "pull" …
	Downloads int64          `json:"downloads"`               // bytes, at most
	Frees     int64          `json:"frees"`                   // bytes of the content store
	FreesMost bool           `json:"frees_at_most,omitempty"` // it may be less: what comes may need some of it, and is not known yet
	Outages   []Outage       `json:"outages"`                 // in step order
}

// Outage is a container that is down for a while and then up again.
type Outage struct {
	Addr  spec.Addr     `json:"addr"`
	About time.Duration `json:"about"` // at most the stop timeout longer
	Until time.Duration `json:"until"` // the worst case: stop timeout and readiness included
}

// Action is what happens to one object.
type Action string

// The actions. A change has one; Keep is never in a plan.
const (
	Keep    Action = "keep"
	Create  Action = "create"  // +
	Update  Action = "update"  // ~  in place: relabel, start, stop, pause, resume, tag, push
	Replace Action = "replace" // -/+
	Remove  Action = "remove"  // -
	Run     Action = "run"     // >  a job
)

// Change is what happens to one object, for people. A step refers to its change.
type Change struct {
	Addr    spec.Addr  `json:"addr"`             // zero for what no address names
	Object  string     `json:"object,omitempty"` // the host's name of it: an image name, a container's name and short ID
	Action  Action     `json:"action"`
	Verb    string     `json:"verb"`            // in the summary: create, pull, load, build, import, register, replace, start, stop, relabel, remove, untag, tag, push, adopt
	Diffs   []Diff     `json:"-"`               // by path
	Reasons []string   `json:"reasons"`         // whole clauses: `image.app is pulled anew`, `env["LOG"] differs`; the first leads
	Notes   []string   `json:"notes,omitempty"` // what to know besides: "frees 41.2 MB (3 layers stay, used by shop/app:1.0)"
	Old     string     `json:"old,omitempty"`   // of a replacement, or of what an earlier apply left behind: the ID of the container that goes
	Decl    *hcl.Range `json:"-"`               // nil once the block is gone from the files
}

// Cost is what changing an attribute does to what already runs. Costs are ordered: a change costs as much as its dearest difference.
type Cost int

// The costs, cheapest first.
const (
	Free     Cost = iota // nothing on the host says it; only the files do
	Relabel              // the container's record; its process runs on
	Retask               // the process is started, stopped, paused or resumed
	Recreate             // a new container
)

// Diff is one difference. Before is null where nothing was, After where nothing shall be; After is unknown where only apply can tell.
type Diff struct {
	Path   string // as people write it: env["LOG"], command[1], image
	Before cty.Value
	After  cty.Value
	Cost   Cost
	Secret bool

	Outside bool // no attribute says it: somebody else changed the container
}

// Step is an op with its place in the order.
type Step struct {
	ID              int
	Op              Op
	Change          int   // index in Plan.Changes of the change it serves; -1 for CheckUnmoved
	After           []int // IDs of the steps that must have succeeded, ascending, all lower than ID
	If              []int // IDs of steps, all lower than ID: unless one of them changed something, this one is passed over; none: it runs
	Cause           string
	Undo            []Op // run in order, each whatever became of the one before, if Op fails
	Uninterruptible bool // once the step before it has run, an interrupt no longer holds this one back: a half-done replacement is worse
}

// Options narrow or force a plan.
type Options struct {
	Destroy  bool
	Targets  []spec.Addr // only these (blocks or instances) and what they refer to
	Excludes []spec.Addr // not these, nor what refers to them
	Replaces []spec.Addr // these are replaced, whatever the comparison says
	Adopt    bool        // containers of this stack whose mark is of another key are taken as the stack's
	Again    bool        // after such a plan was run: what it was about may be gone
	Origin   Origin      // where the plan is made; zero: nothing is said of it
	NewID    func() string
}
