package view

import (
	"encoding/json"
	"io"
	"time"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/planner"
)

// Version is the version of every JSON document that fairlead writes; docs/json.md describes them.
const Version = 1

// JSON writes one document, indented.
func JSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

type planDoc struct {
	Format    string          `json:"format"`
	Version   int             `json:"version"`
	Stack     string          `json:"stack"`
	Namespace string          `json:"namespace"`
	Empty     bool            `json:"empty"`
	Changes   []changeDoc     `json:"changes"`
	Steps     []stepDoc       `json:"steps"`
	Summary   planner.Summary `json:"summary"`
}

type changeDoc struct {
	Address string    `json:"address,omitempty"`
	Object  string    `json:"object,omitempty"`
	Action  string    `json:"action"`
	Verb    string    `json:"verb"`
	Reasons []string  `json:"reasons"`
	Notes   []string  `json:"notes,omitempty"`
	At      string    `json:"at,omitempty"`
	Diffs   []diffDoc `json:"diffs,omitempty"`
}

type diffDoc struct {
	Path      string          `json:"path"`
	Before    json.RawMessage `json:"before"`
	After     json.RawMessage `json:"after"`
	Unknown   bool            `json:"unknown,omitempty"`
	Sensitive bool            `json:"sensitive,omitempty"`
	Cost      string          `json:"cost"`
}

type stepDoc struct {
	ID     int    `json:"id"`
	Title  string `json:"title"`
	Cause  string `json:"cause"`
	After  []int  `json:"after"`
	If     []int  `json:"if,omitempty"` // unless one of these steps changes something, this one is passed over
	Change int    `json:"change"`
}

// costNames are the costs as JSON names them.
var costNames = map[planner.Cost]string{planner.Free: "nothing", planner.Relabel: "relabel", planner.Retask: "retask", planner.Recreate: "recreate"}

// PlanJSON writes a plan for programs.
func PlanJSON(w io.Writer, p *planner.Plan) error {
	doc := planDoc{Format: "fairlead.plan", Version: Version, Stack: p.Stack, Namespace: p.Namespace, Empty: p.Empty(),
		Changes: []changeDoc{}, Steps: []stepDoc{}, Summary: p.Summary}
	for _, c := range p.Changes {
		cd := changeDoc{Object: c.Object, Action: string(c.Action), Verb: c.Verb, Reasons: c.Reasons, Notes: c.Notes, At: fileAndLine(c.Decl)}
		if !c.Addr.IsZero() {
			cd.Address = c.Addr.String()
		}
		for _, d := range c.Diffs {
			cd.Diffs = append(cd.Diffs, diffDoc{Path: d.Path, Before: rawJSON(d.Before, d.Secret), After: rawJSON(d.After, d.Secret),
				Unknown: !d.After.IsWhollyKnown(), Sensitive: d.Secret, Cost: costNames[d.Cost]})
		}
		doc.Changes = append(doc.Changes, cd)
	}
	for _, s := range p.Steps {
		after := s.After
		if after == nil {
			after = []int{}
		}
		doc.Steps = append(doc.Steps, stepDoc{ID: s.ID, Title: planner.Title(p, s), Cause: s.Cause, After: after, If: s.If, Change: s.Change})
	}
	return JSON(w, doc)
}

// rawJSON writes a value as JSON; null for what is unknown or not to be shown.
func rawJSON(v cty.Value, secret bool) json.RawMessage {
	if secret || isNull(v) || !v.IsWhollyKnown() {
		return json.RawMessage("null")
	}
	out, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return json.RawMessage("null")
	}
	return out
}

type eventDoc struct {
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	Event   string    `json:"event"`
	Step    int       `json:"step"`
	Title   string    `json:"title"`
	Done    int64     `json:"done,omitempty"`
	Total   int64     `json:"total,omitempty"`
	Note    string    `json:"note,omitempty"`
	Lines   []string  `json:"lines,omitempty"` // what a build says
	Same    bool      `json:"same,omitempty"`  // the step made what was there already
	Error   string    `json:"error,omitempty"`
	Seconds float64   `json:"seconds,omitempty"`
}

// EventJSON writes one event of a run as a line.
func EventJSON(w io.Writer, p *planner.Plan, e executor.Event) {
	doc := eventDoc{Version: Version, At: e.At, Event: string(e.Kind), Step: e.Step.ID, Title: planner.Title(p, e.Step),
		Done: e.Progress.Done, Total: e.Progress.Total, Note: e.Progress.Note, Lines: e.Progress.Lines, Same: e.Progress.Same, Seconds: e.Took.Seconds()}
	if e.Err != nil {
		doc.Error = e.Err.Error()
	}
	_ = json.NewEncoder(w).Encode(doc) // a reader that went away is no reason to stop a run
}
