package planner

import (
	"cmp"

	"github.com/fairlead-dev/fairlead/spec"
)

// rollout is one generation of a container that comes up in the place of another one.
type rollout struct {
	pb        *planBuilder
	change    *changeDraft
	want      *spec.Container
	next      *comparison      // the new generation; without live: it is to be created
	old       *comparison      // nil: there was none
	discarded []*LiveContainer // generations that neither is
	id        string           // of the new one

	created    *stepDraft   // nil: it was there
	adopted    *stepDraft   // the step that adopts the old one, which an import block named; nil: it is this stack's
	stopsFirst bool         // the old one is stopped before the new one starts
	last       *stepDraft   // of the new one's steps; from the old one's stop, if that comes first
	startSteps []*stepDraft // these
	mayFail    []*stepDraft // those of them that can fail by the new one's own fault
}

// rollOut makes the steps by which one generation comes up, and the one before it, if there is one, goes.
func (pb *planBuilder) rollOut(w *changeDraft, next *comparison, discarded []*LiveContainer, old *comparison) *decision {
	c := next.full
	r := &rollout{pb: pb, change: w, want: c, next: next, old: old, discarded: discarded}
	if next.live != nil {
		r.id = next.live.ID
	} else {
		r.id = pb.newID()
		op := &CreateContainer{ID: r.id, Want: c, Owner: pb.ownerOf(c.Addr), Holders: pb.holders(c.Addr.Kind, c.Name)}
		r.created = w.step(op).need(pb.knownRefs(c)...)
	}
	switch {
	case old == nil:
		r.startNew()
	case startsFirst(c) && c.State != spec.StateStopped:
		r.adoptOld()
		r.startNew()
		r.stopOld()
		r.removeOld()
	default:
		r.adoptOld()
		r.stopOld()
		r.startNew()
		r.removeOld()
	}
	d := &decision{identity: r.id, created: r.created, startSteps: r.startSteps, mayFail: r.mayFail}
	switch w.change.Action {
	case Create:
		d.renewed = c.Addr.String() + " is new"
	case Replace:
		d.renewed, d.replaces = c.Addr.String()+" is replaced", true
	}
	return d
}

// adoptOld writes the old generation's marks first, if it is adopted: whatever happens then, both are known to be this stack's.
func (r *rollout) adoptOld() {
	l, was := r.old.live, r.old.was
	r.change.change.Old = l.ID
	if r.old.adopt {
		op := &RelabelContainer{ID: l.ID, Want: was, Owner: r.pb.ownerOf(r.want.Addr), Holders: r.pb.holders(r.want.Addr.Kind, was.Name)}
		r.adopted = r.change.step(op, r.created).touches(l.touch())
	}
}

// startNew brings the new generation into its state.
func (r *rollout) startNew() {
	m, name := r.motion(), r.want.Name
	if r.want.State == spec.StateStopped {
		if r.next.live != nil && r.next.live.Task.Status != TaskNone {
			r.step(stopOp(r.id, r.want))
		}
		r.step(&ClearPending{ID: r.id, Name: name})
	}
	if m.resume {
		r.step(&ResumeTask{ID: r.id, Name: name})
	}
	if m.start {
		r.undoIfFails(r.step(&StartTask{ID: r.id, Name: name}))
	}
	if m.await {
		r.undoIfFails(r.step(&AwaitReady{ID: r.id, Name: name, Ready: r.want.Ready, Within: r.want.Update.Within}))
	}
	if m.pause {
		r.step(&PauseTask{ID: r.id, Name: name})
	}
	r.last.give(ready(r.want.Addr))
	if !r.stopsFirst { // else the stop of the old one has waited for all this
		r.waitForNeeds(r.startSteps[0])
	}
	if r.old == nil && r.want.State != spec.StateStopped {
		r.pb.incoming = append(r.pb.incoming, &incoming{want: r.want, change: r.change.change, resumed: r.next.live != nil})
	}
}

// motion is how the new generation gets into its state.
func (r *rollout) motion() motion {
	l := r.next.live
	switch {
	case r.want.State == spec.StateStopped:
		return motion{}
	case l == nil:
		return motion{start: true, await: true, pause: r.want.State == spec.StatePaused}
	case l.Task.Status == TaskPaused:
		return motion{resume: true, await: true, pause: r.want.State == spec.StatePaused}
	}
	m := transition(l, r.want)
	m.await = true // it is pending
	return m
}

// step adds a step of the new generation.
func (r *rollout) step(op Op) *stepDraft {
	d := r.change.step(op, cmp.Or(r.last, r.created))
	switch {
	case r.next.live != nil:
		d.touches(r.next.live.touch())
	case r.old != nil:
		d.afterCheck = true // so that nothing which was begun has to wait for slow steps
	}
	d.uninterruptible = r.old != nil && r.last != nil
	r.last, r.startSteps = d, append(r.startSteps, d)
	return d
}

// waitForNeeds lets the first step of a rollout wait for what the new generation needs.
func (r *rollout) waitForNeeds(first *stepDraft) {
	first.need(r.pb.startNeeds(r.want, r.discarded)...)
	if r.old != nil {
		r.pb.noteClaimant(first, r.want, r.old)
	}
}

// undoIfFails says how a replacement that fails is undone.
func (r *rollout) undoIfFails(d *stepDraft) {
	r.mayFail = append(r.mayFail, d)
	if r.old == nil || !r.want.Update.Rollback {
		return
	}
	d.undo = undoStart(r.id, r.want)
	l := r.old.live
	// An earlier apply stopped the old one, and ended there.
	resumed := r.next.live != nil && r.old.applied != spec.StateStopped && !l.Completed
	if r.stopsFirst && l.Task.Up() || resumed && !l.Task.Up() {
		d.undo = append(d.undo, &StartTask{ID: l.ID, Name: r.want.Name})
		if r.old.applied == spec.StatePaused {
			d.undo = append(d.undo, &PauseTask{ID: l.ID, Name: r.want.Name})
		}
	}
}

// stopOld ends the old generation's process. If that comes first, whatever the start of its successor waits for comes before: nothing that
// was stopped waits for anything but its own successor.
func (r *rollout) stopOld() {
	l := r.old.live
	if !mayRun(l, r.old.was) {
		return
	}
	op := &StopTask{ID: l.ID, Name: r.want.Name, Signal: r.old.was.StopSignal, Timeout: r.old.was.StopTimeout}
	d := r.pb.stopStep(r.change, l, op, r.created, r.adopted, r.last)
	if r.last != nil {
		d.uninterruptible = true
	} else {
		r.stopsFirst, r.startSteps = true, []*stepDraft{d}
		r.waitForNeeds(d)
	}
	r.last = d
}

func (r *rollout) removeOld() {
	r.pb.removeStep(r.change, r.old.live, r.want.Name, r.last, r.adopted).uninterruptible = true
}
