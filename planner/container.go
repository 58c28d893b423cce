package planner

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/fairlead-dev/fairlead/spec"
)

// decideContainer decides on one container and its generations.
func (pb *planBuilder) decideContainer(c *spec.Container) *decision {
	g := pb.generationsOf(c.Addr)
	if !pb.scope.has(c.Addr) {
		return g.asIs()
	}
	img := pb.decisions[c.Image.Addr]
	ok := pb.checkContainer(c)
	if img == nil || !img.usable || !ok || pb.refused[c.Addr] {
		return g.asIs()
	}
	if len(c.Marks.Unknown) > 0 {
		attr := slices.Sorted(maps.Keys(c.Marks.Unknown))[0]
		pb.fail(fault(c.AttrAt(attrOf(attr)), "Not known while planning", "%s: %s depends on what only the apply will tell, and a container is made of what is known before. Take the reference out.", c.Addr, attr))
		return g.asIs()
	}
	pb.warnOfRestart(c)
	want := normal(c, pb.have.Host)
	want.Image.Digest = img.identity
	want.Image.Name = cmp.Or(want.Image.Name, img.record)

	if g.current != nil {
		cur := pb.compareLive(g.current, want, img)
		cur.adopt = g.adopted
		cur.noteForced(pb, c)
		if dearest(cur.diffs) < Recreate && !cur.forced {
			onlyIf := pb.stepsThatDecide(c, g)
			n := len(pb.changes)
			res := pb.updateInPlace(cur, g)
			if len(onlyIf) > 0 && len(pb.changes) > n {
				pb.leaveAlone(pb.changes[n], onlyIf)
			}
			return res
		}
		if cur.protected(c) {
			pb.fail(pb.protectedReplace(c, cur))
			return g.asIs()
		}
		if !pb.canRun(c, img) {
			return g.asIs()
		}
		onlyIf := pb.stepsThatDecide(c, g)
		res := pb.replaceContainer(cur, g, img)
		if len(onlyIf) > 0 {
			pb.leaveAlone(pb.changes[len(pb.changes)-1], onlyIf)
			res.onlyIf, res.unknown, res.was, res.renewed = onlyIf, true, g.current.ID, c.Addr.String()+" may be replaced"
			res.created.give(known(c.Addr))
		}
		return res
	}
	if !pb.canRun(c, img) {
		return g.asIs()
	}
	return pb.createContainer(want, g, img)
}

// updateInPlace changes a container without replacing it, if anything differs.
func (pb *planBuilder) updateInPlace(p *comparison, g *generations) *decision {
	l, c := p.live, p.want
	res := &decision{identity: l.ID}
	w := &changeDraft{change: &Change{Addr: c.Addr, Action: Update, Decl: pb.declarationOf(c.Addr), Diffs: p.diffs, Reasons: p.reasons}}
	if len(g.leftovers()) > 0 {
		pb.discardAll(g.leftovers(), c, "an earlier apply left it behind, and it is not needed")
	}
	move := transition(l, c)
	if ignores(c, "state") {
		move = motion{}
	} else if c.State == spec.StateStopped && p.applied != c.State && l.Task.Status != TaskNone {
		move.stop = true // an apply that was cut off during a stop left a task that has ended
	}
	if p.applied == c.State && !move.none() {
		w.change.Reasons = withDriftReason(w.change.Reasons, driftReason(l))
	}
	if move.await && !move.start && c.Ready == spec.ReadyCompleted {
		w.change.Reasons = []string{"it has not completed yet"}
	}
	if other := pb.sharesName(c.Addr.Kind, c.Name); other != nil {
		if l.Name != c.Name {
			pb.fail(nameHeld(c, c.Name, other))
			return g.asIs()
		}
		pb.fail(nameShared(c, l.Header(), other))
	}
	relabel := p.adopt || pb.ownerDiffers(l, c) || needsRelabel(p.diffs) || p.recordIsStale()
	if !relabel && move.none() {
		return res
	}
	w.change.Verb = verbInPlace(p, move, relabel)
	if p.adopt {
		w.change.Reasons = append([]string{p.whyAdopted()}, w.change.Reasons...)
	}
	if len(w.change.Reasons) == 0 {
		w.change.Reasons = []string{"state was last asked for as " + p.applied}
	}
	if c.Ready == spec.ReadyCompleted && move.await {
		w.change.Action = Run
	}
	pb.changes = append(pb.changes, w)
	var last *stepDraft
	add := func(op Op) *stepDraft {
		d := w.step(op, last).touches(l.touch())
		last = d
		return d
	}
	// An adopted container is marked first, so that nothing unowned is touched. Any other is relabelled last: the restart monitor must not start its
	// process while a step does.
	mark := func() {
		pb.relabels[l.ID] = c.Image.Name
		add(&RelabelContainer{ID: l.ID, Want: c, Owner: pb.ownerOf(c.Addr), Holders: pb.holders(c.Addr.Kind, c.Name)}).give(relabeled(l.ID))
	}
	if p.adopt {
		mark()
	}
	if move.stop {
		f := pb.dispositionOf(l)
		f.stopped = add(&StopTask{ID: l.ID, Name: c.Name, Signal: p.was.StopSignal, Timeout: p.was.StopTimeout}).give(stopped(l.ID))
	}
	if move.start {
		d := add(&StartTask{ID: l.ID, Name: c.Name})
		d.need(pb.startNeeds(c, g.leftovers())...)
		pb.noteClaimant(d, c, nil)
	}
	if move.resume {
		add(&ResumeTask{ID: l.ID, Name: c.Name}).need(pb.startNeeds(c, nil)...)
	}
	if move.await {
		add(&AwaitReady{ID: l.ID, Name: c.Name, Ready: c.Ready, Within: c.Update.Within})
	}
	if move.pause {
		add(&PauseTask{ID: l.ID, Name: c.Name})
	}
	if move.start || move.resume || move.await {
		last.give(ready(c.Addr))
	}
	if relabel && !p.adopt {
		mark()
	}
	return res
}

func verbInPlace(p *comparison, t motion, relabel bool) string {
	switch {
	case p.adopt:
		return "adopt"
	case t.start || t.await:
		return "start"
	case t.stop:
		return "stop"
	case t.pause:
		return "pause"
	case t.resume:
		return "resume"
	}
	return "relabel"
}

// whyAdopted is the reason why a container is adopted.
func (p *comparison) whyAdopted() string {
	if p.live.OtherKey != nil {
		return "its mark is of another key, and --adopt takes it over"
	}
	return "an import block adopts it"
}

func (pb *planBuilder) ownerDiffers(l *LiveContainer, c *spec.Container) bool {
	return l.Owner == nil || l.Owner.Addr != c.Addr || l.Owner.Stack != pb.want.Stack.Name
}

// recordIsStale tells whether the container's record has another state than its block asks for.
func (p *comparison) recordIsStale() bool {
	c := p.want
	done := c.Ready == spec.ReadyCompleted && p.live.Completed
	return p.applied != c.State && !done && !ignores(c, "state")
}

func needsRelabel(diffs []Diff) bool {
	return slices.ContainsFunc(diffs, func(d Diff) bool { return d.Cost == Relabel })
}

// checkContainer tells whether the host can run a container, and reports what it lacks.
func (pb *planBuilder) checkContainer(c *spec.Container) bool {
	n := len(pb.diags)
	h := pb.have.Host
	pb.emulate(cmp.Or(c.Platform, h.Platform), c.Addr.String(), c.AttrAt("platform"))
	if r := cmp.Or(c.Runtime, spec.DefaultRuntime); h.Runtimes != nil && !slices.Contains(h.Runtimes, r) {
		pb.fail(fault(c.AttrAt("runtime"), "Unknown runtime", "containerd has no shim for the runtime %q: it looks for it on its PATH and beside itself. Install it there, or leave the attribute out for %s.", r, spec.DefaultRuntime))
	}
	if s := cmp.Or(c.Snapshotter, h.Snapshotter); h.Snapshotters != nil && s != "" && !slices.Contains(h.Snapshotters, s) {
		pb.fail(fault(c.AttrAt("snapshotter"), "Unknown snapshotter", "containerd has no snapshotter %q here; it has %s.%s", s, cmp.Or(strings.Join(h.Snapshotters, ", "), "none"), spec.DidYouMean(s, h.Snapshotters)))
	}
	if c.Image.Addr.IsZero() || pb.decisions[c.Image.Addr] == nil {
		pb.fail(fault(c.AttrAt("image"), "No image", "%s has no image that the files describe.", c.Addr))
	}
	return len(pb.diags) == n
}
