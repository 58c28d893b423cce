package planner

import (
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// create makes a container, or carries on with one that an earlier apply made.
func (m *maker) create(want *spec.Container, g *lives, img *imageResult) *containerResult {
	if m.collides(want) {
		return g.asIs()
	}
	reasons := []string{"it is new"}
	if img.fresh != "" {
		reasons = append(reasons, img.fresh)
	}
	if g.pending != nil {
		if p := m.compared(g.pending, want, img); carriesOn(p) && !m.forced(want.Addr) {
			w := m.add(want.Addr, Update, "start", m.decl(want.Addr), "it was never ready")
			m.discardAll(g.rest, want, "an earlier apply left it behind, and it is not needed")
			return m.succeed(w, p, g.rest)
		}
	}
	m.discardAll(g.spare(), want, "an earlier apply left it behind, and it is not what is wanted")
	w := m.add(want.Addr, Create, "create", m.decl(want.Addr), reasons...)
	w.change.Diffs = initialDiffs(want, m.defaults())
	return m.succeed(w, &pair{want: want, full: want}, g.spare())
}

// carriesOn tells whether a pending container is what is wanted.
func carriesOn(p *pair) bool {
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

// replace puts a new container into the place of the current one.
func (m *maker) replace(cur *pair, g *lives, img *imageResult) *containerResult {
	want := cur.full
	if m.collides(want) {
		return g.asIs()
	}
	cur.dropState()
	w := &work{change: &Change{Addr: want.Addr, Action: Replace, Verb: "replace", Decl: m.decl(want.Addr), Diffs: cur.diffs, Reasons: cur.reasons}}
	if cur.adopt {
		note := "an import block adopts " + nameOf(cur.live)
		if cur.live.OtherKey != nil {
			note = cur.whyAdopted()
		}
		w.change.Notes = append(w.change.Notes, note)
	}
	if g.pending != nil && !cur.forced {
		if p := m.compared(g.pending, want, img); carriesOn(p) {
			w.change.Notes = append(w.change.Notes, "carries on with "+short(g.pending.ID)+", which an earlier apply made")
			m.discardAll(g.rest, want, "an earlier apply left it behind, and it is not needed")
			m.works = append(m.works, w)
			return m.succeed(w, p, g.rest, cur)
		}
	}
	m.discardAll(g.spare(), want, "an earlier apply left it behind, and it is not what is wanted")
	m.works = append(m.works, w)
	return m.succeed(w, &pair{want: want, full: want}, g.spare(), cur)
}

// dropState forgets how the process of a container that goes differs from what was asked for: its successor has one of its own.
func (p *pair) dropState() {
	if p.applied != p.full.State {
		return
	}
	p.diffs = slices.DeleteFunc(p.diffs, func(d Diff) bool { return d.Cost == Retask })
	p.reasons = slices.DeleteFunc(p.reasons, func(r string) bool { return r == stateDiffers })
}

// spare are the generations beside the current one.
func (g *lives) spare() []*LiveContainer {
	if g.pending == nil {
		return g.rest
	}
	return append([]*LiveContainer{g.pending}, g.rest...)
}

// succeed is the steps by which one generation comes up, and the one before it, if there is one, goes. next.live is nil for one that
// is to be made.
func (m *maker) succeed(w *work, next *pair, spare []*LiveContainer, before ...*pair) *containerResult {
	c := next.full
	s := &succession{m: m, w: w, want: c, next: next}
	if len(before) > 0 {
		s.old = before[0]
		w.change.Old = s.old.live.ID
	}
	if next.live == nil {
		s.id = m.newID()
		s.made = w.step(&CreateContainer{ID: s.id, Want: c, Owner: m.own(c.Addr), Holders: m.holders(c.Name)}, m.toldBy(c)...)
	} else {
		s.id = next.live.ID
	}
	if s.old != nil && s.old.adopt { // its marks first: whatever happens then, both are known to be this stack's
		s.marked = w.step(&RelabelContainer{ID: s.old.live.ID, Want: s.old.was, Owner: m.own(c.Addr), Holders: m.holders(s.old.was.Name)}, s.made).touches(touchContainer(s.old.live))
	}
	if s.old == nil {
		s.up(spare)
	} else if c.Update.Strategy == spec.StartFirst && c.State != spec.StateStopped {
		s.up(spare)
		s.down(s.last)
	} else {
		s.down(nil, spare...)
		s.up(spare)
	}
	if s.old != nil {
		s.remove()
	}
	res := &containerResult{id: s.id, created: s.made, ready: s.ready, rise: s.rise, tries: s.tries, verb: w.change.Verb}
	if s.freed != nil {
		res.rise = append([]*draft{s.freed}, s.rise...)
	}
	return res
}

// succession is one generation coming up in the place of another.
type succession struct {
	m      *maker
	w      *work
	want   *spec.Container
	next   *pair
	old    *pair // nil: there was none
	id     string
	made   *draft // nil: it was there
	last   *draft
	ready  []*draft
	rise   []*draft
	tries  []*draft
	freed  *draft // the old one's stop
	marked *draft // the step that adopts the old one, which an import block named; nil: it is this stack's
}

// step adds a step of the new generation.
func (s *succession) step(op Op) *draft {
	d := s.w.step(op, s.last)
	if s.last == nil {
		d.wait(s.made)
	}
	switch {
	case s.next.live != nil:
		d.touches(touchContainer(s.next.live))
	case s.old != nil:
		d.behind = true // so that nothing which was begun has to wait for slow steps
	}
	if s.old != nil {
		d.finish = s.last != nil
	}
	s.last = d
	s.rise = append(s.rise, d)
	return d
}

// motion is how the new generation gets into its state.
func (s *succession) motion() motion {
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

// up brings the new generation into its state.
func (s *succession) up(spare []*LiveContainer) {
	t := s.motion()
	var first *draft
	note := func(d *draft) *draft {
		if first == nil {
			first = d
		}
		return d
	}
	if s.want.State == spec.StateStopped {
		if s.next.live != nil && s.next.live.Task.Status != TaskNone {
			note(s.step(&StopTask{ID: s.id, Name: s.want.Name, Signal: s.want.StopSignal, Timeout: s.want.StopTimeout}))
		}
		note(s.step(&Settle{ID: s.id, Name: s.want.Name}))
	}
	if t.resume {
		note(s.step(&ResumeTask{ID: s.id, Name: s.want.Name}))
	}
	if t.start {
		s.takeBack(note(s.step(&StartTask{ID: s.id, Name: s.want.Name})))
	}
	if t.await {
		s.takeBack(note(s.step(&AwaitReady{ID: s.id, Name: s.want.Name, Ready: s.want.Ready, Within: s.want.Update.Within})))
	}
	if t.pause {
		note(s.step(&PauseTask{ID: s.id, Name: s.want.Name}))
	}
	if s.freed == nil { // else the stop of the old one has waited for all this
		s.m.waitForNeeds(first, s.want)
		s.m.waitForDiscarded(first, spare)
	}
	s.ready = []*draft{s.last}
	switch {
	case s.old == nil && first != nil && s.want.State != spec.StateStopped:
		s.m.comers = append(s.m.comers, &comer{want: s.want, change: s.w.change, begun: s.next.live != nil, rise: s.rise, tries: s.tries})
	case s.freed == nil && s.old != nil:
		s.m.waitForFacts(first, s.want)
	}
}

// takeBack says how a replacement that fails is undone.
func (s *succession) takeBack(d *draft) {
	s.tries = append(s.tries, d)
	if s.old == nil || !s.want.Update.Rollback {
		return
	}
	d.undo = []Op{
		&StopTask{ID: s.id, Name: s.want.Name, Signal: s.want.StopSignal, Timeout: s.want.StopTimeout},
		&RemoveContainer{ID: s.id, Name: s.want.Name},
	}
	begun := s.next.live != nil && s.old.applied != spec.StateStopped && !s.old.live.Completed // by an apply that stopped the old one and ended there
	if s.freed != nil && s.old.live.Task.Up() || begun && !s.old.live.Task.Up() {
		d.undo = append(d.undo, &StartTask{ID: s.old.live.ID, Name: s.want.Name})
		if s.old.applied == spec.StatePaused {
			d.undo = append(d.undo, &PauseTask{ID: s.old.live.ID, Name: s.want.Name})
		}
	}
}

// down ends the old generation's process. Whatever the start of its successor waits for comes before: nothing that was stopped
// waits for anything but its own successor.
func (s *succession) down(after *draft, spare ...*LiveContainer) {
	l := s.old.live
	if !mayRun(l, s.old.was) {
		return
	}
	d := s.w.step(&StopTask{ID: l.ID, Name: s.want.Name, Signal: s.old.was.StopSignal, Timeout: s.old.was.StopTimeout}, s.made, s.marked, after)
	d.touches(touchContainer(l))
	if after == nil {
		s.m.waitForNeeds(d, s.want)
		s.m.waitForDiscarded(d, spare)
		s.m.waitForFacts(d, s.want)
		s.freed = d
	} else {
		d.finish = true
	}
	s.m.fateOf(l).leave = d
	s.last = d
}

// mayRun tells whether a container runs, or might by the time that the plan is carried out.
func mayRun(l *LiveContainer, was *spec.Container) bool {
	return l.Task.Status != TaskNone && l.Task.Status != TaskStopped || was != nil && was.Restart.Policy != spec.RestartNo && was.Restart.Policy != ""
}

func (s *succession) remove() {
	l := s.old.live
	defer func() {
		s.m.changers = append(s.m.changers, &leaver{live: l, was: s.old.was, addr: s.want.Addr, change: s.w.change, remove: s.m.fateOf(l).remove})
	}()
	d := s.w.step(&RemoveContainer{ID: l.ID, Name: s.want.Name}, s.last, s.marked).touches(touchContainer(l))
	d.finish = true
	f := s.m.fateOf(l)
	f.remove = d
	if f.leave == nil {
		f.leave = d
	}
}

// protected tells whether a container must not go.
func (p *pair) protected(c *spec.Container) bool {
	return p.live.Protected || c.Lifecycle.PreventDestroy
}

func (m *maker) protectedReplace(c *spec.Container, p *pair) *hcl.Diagnostic {
	at := c.AttrAt("lifecycle")
	why := "it was asked for"
	if len(p.reasons) > 0 {
		why = p.reasons[0]
	}
	for _, d := range p.diffs {
		if d.Cost == Recreate {
			why = reason(d)
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
