package planner

import (
	"cmp"
	"slices"
	"time"

	"github.com/fairlead-dev/fairlead/spec"
)

// aboutOutage is what a stop, a start and a moment of readiness take where nothing is slow.
const aboutOutage = time.Second

// assemble makes the plan of what has been decided.
func (pb *planBuilder) assemble() *Plan {
	p := &Plan{Stack: pb.want.Stack.Name, Namespace: cmp.Or(pb.have.Namespace, pb.want.Stack.Namespace), Elsewhere: pb.appliedElsewhere()}
	if !pb.o.Destroy {
		p.Pins = pb.pins
	}
	index := make(map[*changeDraft]int, len(pb.changes))
	p.Summary.Actions = map[string]int{}
	for i, w := range pb.changes {
		index[w] = i
		p.Changes = append(p.Changes, w.change)
		p.Summary.Actions[w.change.Verb]++
	}
	for _, d := range pb.steps {
		Expect(d.op, pb.have.Images)
		s := &Step{ID: d.id, Op: d.op, Change: -1, Cause: d.cause, Undo: d.undo, Uninterruptible: d.uninterruptible}
		if d.change != nil {
			s.Change = index[d.change]
		}
		for _, b := range d.after {
			s.After = append(s.After, b.id)
		}
		for _, b := range d.weak {
			s.After = append(s.After, b.id)
		}
		for _, b := range d.onlyIf {
			s.If = append(s.If, b.id)
		}
		slices.Sort(s.If)
		slices.Sort(s.After)
		s.After = slices.Compact(s.After)
		p.Steps = append(p.Steps, s)
		p.Summary.Downloads += RowOf(d.op).number(d.op, roleBytes)
	}
	p.Touches = touchesOf(pb.steps)
	p.Summary.Frees, p.Summary.FreesMost = pb.frees, pb.freesMost
	p.Summary.Outages = outages(p, pb.outages)
	return p
}

// outages finds the containers that are down for a while and then up again: those with a stop and, after it, a start. A stop may be
// another change's, where a container takes over from others.
func outages(p *Plan, over map[*Change]time.Duration) []Outage {
	stopping := map[int]time.Duration{} // by change
	for i, c := range p.Changes {
		if d, ok := over[c]; ok {
			stopping[i] = d
		}
	}
	out := []Outage{} // a list for programs, also where nothing is down
	place := map[spec.Addr]int{}
	for _, s := range p.Steps {
		if s.Change < 0 {
			continue
		}
		c, row := p.Changes[s.Change], RowOf(s.Op)
		timeout, stopped := stopping[s.Change]
		i, down := place[c.Addr]
		switch {
		case c.Action != Replace && !stopped:
		case row.Is(StopsTask):
			stopping[s.Change] = lasts(s.Op)
		case row.Is(StartsTask) && stopped:
			place[c.Addr] = len(out)
			out = append(out, Outage{Addr: c.Addr, About: aboutOutage, Until: timeout})
		case down:
			out[i].Until += lasts(s.Op)
		}
	}
	return out
}
