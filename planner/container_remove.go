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
	f := pb.dispositionOf(l)
	if mayRun(l, was) {
		f.stopped = w.step(&StopTask{ID: l.ID, Name: name, Signal: was.StopSignal, Timeout: cmp.Or(was.StopTimeout, spec.DefaultStopTimeout)}).touches(l.touch()).give(stopped(l.ID))
	}
	f.removed = w.step(&RemoveContainer{ID: l.ID, Name: name}, f.stopped).touches(l.touch()).give(gone(l.ID))
	if f.stopped == nil {
		f.stopped = f.removed.give(stopped(l.ID))
	}
}

func (pb *planBuilder) dispositionOf(l *LiveContainer) *disposition {
	if pb.dispositions[l.ID] == nil {
		pb.dispositions[l.ID] = &disposition{}
	}
	return pb.dispositions[l.ID]
}
