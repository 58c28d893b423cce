package planner

import (
	"cmp"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// createContainer creates a container, or carries on with one that an earlier apply created.
func (pb *planBuilder) createContainer(want *spec.Container, g *generations, img *decision) *decision {
	if pb.nameTaken(want, want.Name) {
		return g.asIs()
	}
	reasons := []string{"it is new"}
	if img.renewed != "" {
		reasons = append(reasons, img.renewed)
	}
	if g.pending != nil {
		if p := pb.compareLive(g.pending, want, img); canCarryOn(p) && !pb.replaceAsked(want.Addr) {
			w := pb.add(want.Addr, Update, "start", pb.declarationOf(want.Addr), "it was never ready")
			pb.discardAll(g.unneeded, want, "an earlier apply left it behind, and it is not needed")
			return pb.rollOut(w, p, g.unneeded)
		}
	}
	pb.discardAll(g.leftovers(), want, "an earlier apply left it behind, and it is not what is wanted")
	w := pb.add(want.Addr, Create, "create", pb.declarationOf(want.Addr), reasons...)
	w.change.Diffs = initialDiffs(containerAttrs, want, normal(&spec.Container{}, pb.have.Host), want.Marks)
	return pb.rollOut(w, &comparison{want: want, full: want}, g.leftovers())
}

// canCarryOn tells whether a pending container can be carried on with.
func canCarryOn(p *comparison) bool {
	if p.applied != p.full.State {
		return false // its record would say something else than the files
	}
	if len(p.live.Lacks) > 0 {
		return false // an earlier version made it, as new ones are not made any more, and maybe so that it can't start
	}
	for _, d := range p.diffs {
		if d.Cost > Free && d.Cost != Retask {
			return false
		}
	}
	return true
}

// replaceContainer replaces the current container by a new one, or by a pending one that can be carried on with.
func (pb *planBuilder) replaceContainer(cur *comparison, g *generations, img *decision) *decision {
	want := cur.full
	if pb.nameTaken(want, want.Name) {
		return g.asIs()
	}
	cur.dropState()
	w := &changeDraft{change: &Change{Addr: want.Addr, Action: Replace, Verb: "replace", Decl: pb.declarationOf(want.Addr), Diffs: cur.diffs, Reasons: cur.reasons}}
	if cur.adopt {
		note := "an import block adopts " + cur.live.title()
		if cur.live.OtherKey != nil {
			note = cur.whyAdopted()
		}
		w.change.Notes = append(w.change.Notes, note)
	}
	if g.pending != nil && !cur.forced {
		if p := pb.compareLive(g.pending, want, img); canCarryOn(p) {
			w.change.Notes = append(w.change.Notes, "carries on with "+short(g.pending.ID)+", which an earlier apply made")
			pb.discardAll(g.unneeded, want, "an earlier apply left it behind, and it is not needed")
			pb.changes = append(pb.changes, w)
			return pb.rollOut(w, p, g.unneeded, cur)
		}
	}
	pb.discardAll(g.leftovers(), want, "an earlier apply left it behind, and it is not what is wanted")
	pb.changes = append(pb.changes, w)
	return pb.rollOut(w, &comparison{want: want, full: want}, g.leftovers(), cur)
}

// dropState forgets how the process of a container that goes differs from what was asked for: its successor has one of its own.
func (p *comparison) dropState() {
	if p.applied != p.full.State {
		return
	}
	p.diffs = slices.DeleteFunc(p.diffs, func(d Diff) bool { return d.Cost == Retask })
	p.reasons = slices.DeleteFunc(p.reasons, func(r string) bool { return r == stateDiffers })
}

// rollOut is the steps by which one generation comes up, and the one before it, if there is one, goes. next.live is nil for one that
// is to be made.
func (pb *planBuilder) rollOut(w *changeDraft, next *comparison, spare []*LiveContainer, before ...*comparison) *decision {
	c := next.full
	s := &rollout{plan: pb, change: w, want: c, next: next}
	if len(before) > 0 {
		s.old = before[0]
		w.change.Old = s.old.live.ID
	}
	if next.live == nil {
		s.id = pb.newID()
		s.created = w.step(&CreateContainer{ID: s.id, Want: c, Owner: pb.ownerOf(c.Addr), Holders: pb.holders(c.Addr.Kind, c.Name)}).need(pb.knownRefs(c)...)
	} else {
		s.id = next.live.ID
	}
	if s.old != nil && s.old.adopt { // its marks first: whatever happens then, both are known to be this stack's
		s.adopted = w.step(&RelabelContainer{ID: s.old.live.ID, Want: s.old.was, Owner: pb.ownerOf(c.Addr), Holders: pb.holders(c.Addr.Kind, s.old.was.Name)}, s.created).touches(s.old.live.touch())
	}
	if s.old == nil {
		s.startNew(spare)
	} else if c.Update.Strategy == spec.StartFirst && c.State != spec.StateStopped {
		s.startNew(spare)
		s.stopOld(s.last)
	} else {
		s.stopOld(nil, spare...)
		s.startNew(spare)
	}
	if s.old != nil {
		s.removeOld()
	}
	d := &decision{identity: s.id, created: s.created, startSteps: s.rise, mayFail: s.tries}
	if s.stopped != nil {
		d.startSteps = append([]*stepDraft{s.stopped}, s.rise...)
	}
	switch w.change.Action {
	case Create:
		d.renewed = c.Addr.String() + " is new"
	case Replace:
		d.renewed, d.replaces = c.Addr.String()+" is replaced", true
	}
	return d
}

// rollout is one generation coming up in the place of another.
type rollout struct {
	plan    *planBuilder
	change  *changeDraft
	want    *spec.Container
	next    *comparison
	old     *comparison // nil: there was none
	id      string
	created *stepDraft // nil: it was there
	last    *stepDraft
	rise    []*stepDraft
	tries   []*stepDraft
	stopped *stepDraft // the old one's stop
	adopted *stepDraft // the step that adopts the old one, which an import block named; nil: it is this stack's
}

// step adds a step of the new generation.
func (s *rollout) step(op Op) *stepDraft {
	d := s.change.step(op, cmp.Or(s.last, s.created))
	switch {
	case s.next.live != nil:
		d.touches(s.next.live.touch())
	case s.old != nil:
		d.afterCheck = true // so that nothing which was begun has to wait for slow steps
	}
	if s.old != nil {
		d.uninterruptible = s.last != nil
	}
	s.last = d
	s.rise = append(s.rise, d)
	return d
}

// motion is how the new generation gets into its state.
func (s *rollout) motion() motion {
	l := s.next.live
	switch {
	case s.want.State == spec.StateStopped:
		return motion{}
	case l == nil:
		return motion{start: true, await: true, pause: s.want.State == spec.StatePaused}
	case l.Task.Status == TaskPaused:
		return motion{resume: true, await: true, pause: s.want.State == spec.StatePaused}
	}
	t := transition(l, s.want)
	t.await = true // it is pending
	return t
}

// startNew brings the new generation into its state.
func (s *rollout) startNew(spare []*LiveContainer) {
	t := s.motion()
	if s.want.State == spec.StateStopped {
		if s.next.live != nil && s.next.live.Task.Status != TaskNone {
			s.step(&StopTask{ID: s.id, Name: s.want.Name, Signal: s.want.StopSignal, Timeout: s.want.StopTimeout})
		}
		s.step(&ClearPending{ID: s.id, Name: s.want.Name})
	}
	if t.resume {
		s.step(&ResumeTask{ID: s.id, Name: s.want.Name})
	}
	if t.start {
		s.takeBack(s.step(&StartTask{ID: s.id, Name: s.want.Name}))
	}
	if t.await {
		s.takeBack(s.step(&AwaitReady{ID: s.id, Name: s.want.Name, Ready: s.want.Ready, Within: s.want.Update.Within}))
	}
	if t.pause {
		s.step(&PauseTask{ID: s.id, Name: s.want.Name})
	}
	first := s.rise[0]
	if s.stopped == nil { // else the stop of the old one has waited for all this
		first.need(s.plan.startNeeds(s.want, spare)...)
	}
	s.last.give(ready(s.want.Addr))
	switch {
	case s.old == nil && s.want.State != spec.StateStopped:
		s.plan.incoming = append(s.plan.incoming, &incoming{want: s.want, change: s.change.change, resumed: s.next.live != nil})
	case s.stopped == nil && s.old != nil:
		s.plan.noteClaimant(first, s.want, s.old)
	}
}

// takeBack says how a replacement that fails is undone.
func (s *rollout) takeBack(d *stepDraft) {
	s.tries = append(s.tries, d)
	if s.old == nil || !s.want.Update.Rollback {
		return
	}
	d.undo = undoStart(s.id, s.want)
	begun := s.next.live != nil && s.old.applied != spec.StateStopped && !s.old.live.Completed // by an apply that stopped the old one and ended there
	if s.stopped != nil && s.old.live.Task.Up() || begun && !s.old.live.Task.Up() {
		d.undo = append(d.undo, &StartTask{ID: s.old.live.ID, Name: s.want.Name})
		if s.old.applied == spec.StatePaused {
			d.undo = append(d.undo, &PauseTask{ID: s.old.live.ID, Name: s.want.Name})
		}
	}
}

// stopOld ends the old generation's process. Whatever the start of its successor waits for comes before: nothing that was stopped
// waits for anything but its own successor.
func (s *rollout) stopOld(after *stepDraft, spare ...*LiveContainer) {
	l := s.old.live
	if !mayRun(l, s.old.was) {
		return
	}
	d := s.change.step(&StopTask{ID: l.ID, Name: s.want.Name, Signal: s.old.was.StopSignal, Timeout: s.old.was.StopTimeout}, s.created, s.adopted, after)
	d.touches(l.touch())
	if after == nil {
		d.need(s.plan.startNeeds(s.want, spare)...)
		s.plan.noteClaimant(d, s.want, s.old)
		s.stopped = d
	} else {
		d.uninterruptible = true
	}
	s.plan.dispositionOf(l).stopped = d.give(stopped(l.ID))
	s.last = d
}

func (s *rollout) removeOld() {
	l := s.old.live
	d := s.change.step(&RemoveContainer{ID: l.ID, Name: s.want.Name}, s.last, s.adopted).touches(l.touch())
	d.uninterruptible = true
	f := s.plan.dispositionOf(l)
	f.removed = d.give(gone(l.ID))
	if f.stopped == nil {
		f.stopped = d.give(stopped(l.ID))
	}
}

// protected tells whether a container must not go.
func (p *comparison) protected(c *spec.Container) bool {
	return p.live.Protected || c.Lifecycle.PreventDestroy
}

func (pb *planBuilder) protectedReplace(c *spec.Container, p *comparison) *hcl.Diagnostic {
	at := c.AttrAt("lifecycle")
	why := "it was asked for"
	if len(p.reasons) > 0 {
		why = p.reasons[0]
	}
	for _, d := range p.diffs {
		if d.Cost == Recreate {
			why = reason(containerAttrs, d)
			at = c.AttrAt(attrOf(d.Path))
			break
		}
	}
	if !c.Lifecycle.PreventDestroy {
		return fault(at, "Replacement is prevented", "%s would have to be replaced (%s), and the container on the host still has prevent_destroy = true from the last apply. Apply prevent_destroy = false alone first, then this change.", c.Addr, why)
	}
	return fault(at, "Replacement is prevented", "%s would have to be replaced (%s), and prevent_destroy = true forbids that. Take the change back; or set prevent_destroy = false, apply that alone, and then apply this change.", c.Addr, why)
}

// attrOf gives the attribute of a path.
func attrOf(path string) string {
	for i, r := range path {
		if r == '[' || r == '.' {
			return path[:i]
		}
	}
	return path
}
