package planner

import "slices"

// changeDraft is a change in the making, with its steps.
type changeDraft struct {
	change *Change
	steps  []*stepDraft
}

// stepDraft is a step in the making. It says what it needs; the edges to what gives that are graph.go's.
type stepDraft struct {
	op              Op
	phase           Phase
	change          *changeDraft
	cause           string
	stages          []*stepDraft // of the same change, which come before it
	needs           []fact
	prefers         []fact // needs that give way where they would close a circle
	gives           []fact
	onlyIf          []*stepDraft // passed over unless one of these changed something; none: it runs
	undo            []Op
	uninterruptible bool
	touch           *Touch // what was there and is changed by it
	afterCheck      bool   // stands behind CheckUnmoved

	id    int
	after []*stepDraft // graph.go's
	weak  []*stepDraft // graph.go's: these edges give way where they would close a circle
}

// step adds a step to a change, after the given ones of the same change. Its cause is the change's first reason.
func (w *changeDraft) step(op Op, stages ...*stepDraft) *stepDraft {
	d := &stepDraft{op: op, phase: RowOf(op).Phase, change: w}
	if len(w.change.Reasons) > 0 {
		d.cause = w.change.Reasons[0]
	}
	for _, s := range stages {
		if s != nil {
			d.stages = append(d.stages, s)
		}
	}
	w.steps = append(w.steps, d)
	return d
}

// giving are the steps of a change that give a fact.
func (w *changeDraft) giving(f fact) []*stepDraft {
	var out []*stepDraft
	for _, d := range w.steps {
		if slices.Contains(d.gives, f) {
			out = append(out, d)
		}
	}
	return out
}

func (d *stepDraft) need(fs ...fact) *stepDraft {
	d.needs = addFacts(d.needs, fs)
	return d
}

func (d *stepDraft) prefer(fs ...fact) *stepDraft {
	d.prefers = addFacts(d.prefers, fs)
	return d
}

func (d *stepDraft) give(fs ...fact) *stepDraft {
	d.gives = addFacts(d.gives, fs)
	return d
}

// addFacts copies nothing where there was nothing: a plan can have a hundred thousand facts.
func addFacts(to, fs []fact) []fact {
	if len(to) == 0 {
		return slices.Clip(fs)
	}
	return append(to, fs...)
}

func (d *stepDraft) touches(t Touch) *stepDraft {
	d.touch = &t
	return d
}
