package planner

import (
	"cmp"

	"github.com/fairlead-dev/fairlead/spec"
)

// removeContainer removes a container that nothing wants any more.
func (pb *planBuilder) removeContainer(l *LiveContainer) {
	a := l.Owner.Addr
	w := pb.add(a, Remove, "remove", pb.declarationOf(a), pb.goneReason())
	pb.discard(w, l)
	pb.noteOutgoing(w, l)
}

// discardAll removes generations of a container that nothing needs.
func (pb *planBuilder) discardAll(ls []*LiveContainer, c *spec.Container, why string) {
	for _, l := range ls {
		if pb.dispositions[l.ID] == nil {
			w := pb.add(c.Addr, Remove, "remove", pb.declarationOf(c.Addr), why)
			w.change.Old = l.ID
			pb.discard(w, l)
		}
	}
}

// discard adds the steps that stop and remove a container without a successor.
func (pb *planBuilder) discard(w *changeDraft, l *LiveContainer) {
	w.change.Object = l.title()
	was := l.asSpec()
	name := cmp.Or(l.Name, short(l.ID))
	if mayRun(l, was) {
		timeout := cmp.Or(was.StopTimeout, spec.DefaultStopTimeout)
		pb.stopStep(w, l, &StopTask{ID: l.ID, Name: name, Signal: was.StopSignal, Timeout: timeout})
	}
	pb.removeStep(w, l, name, pb.dispositionOf(l).stopped)
}

// stopOp ends the process of a container as it is described.
func stopOp(id string, c *spec.Container) *StopTask {
	return &StopTask{ID: id, Name: c.Name, Signal: c.StopSignal, Timeout: c.StopTimeout}
}

// stopStep adds a step that ends the process of a container that is there.
func (pb *planBuilder) stopStep(w *changeDraft, l *LiveContainer, op *StopTask, stages ...*stepDraft) *stepDraft {
	d := w.step(op, stages...).touches(l.touch()).give(stopped(l.ID))
	pb.dispositionOf(l).stopped = d
	return d
}

// removeStep adds the step that removes a container that is there. One that has no other step that stops it is stopped by this one.
func (pb *planBuilder) removeStep(w *changeDraft, l *LiveContainer, name string, stages ...*stepDraft) *stepDraft {
	d := w.step(&RemoveContainer{ID: l.ID, Name: name}, stages...).touches(l.touch()).give(gone(l.ID))
	f := pb.dispositionOf(l)
	f.removed = d
	if f.stopped == nil {
		f.stopped = d.give(stopped(l.ID))
	}
	return d
}

func (pb *planBuilder) dispositionOf(l *LiveContainer) *disposition {
	if pb.dispositions[l.ID] == nil {
		pb.dispositions[l.ID] = &disposition{}
	}
	return pb.dispositions[l.ID]
}
