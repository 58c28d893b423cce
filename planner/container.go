package planner

import (
	"slices"
	"strings"

	"github.com/fairlead-dev/fairlead/spec"
)

// decideContainer says what happens to one container and to its generations.
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
		attr := sortedKeys(c.Marks.Unknown)[0]
		pb.fail(fault(c.AttrAt(attrOf(attr)), "Not known while planning", "%s: %s depends on what only the apply will tell, and a container is made of what is known before. Take the reference out.", c.Addr, attr))
		return g.asIs()
	}
	pb.warnOfRestart(c)
	want := normal(c, pb.have.Host)
	want.Image.Digest = img.identity
	want.Image.Name = orElse(want.Image.Name, img.record)

	if g.current != nil {
		cur := pb.compareLive(g.current, want, img)
		cur.adopt = g.adopted
		cur.noteForced(pb, c)
		if dearest(cur.diffs) < Recreate && !cur.forced {
			unless := pb.unlessSame(c, g)
			n := len(pb.changes)
			res := pb.updateInPlace(cur, g)
			if len(unless) > 0 && len(pb.changes) > n {
				pb.leaveAlone(pb.changes[n], unless)
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
		unless := pb.unlessSame(c, g)
		res := pb.replaceContainer(cur, g, img)
		if len(unless) > 0 {
			pb.leaveAlone(pb.changes[len(pb.changes)-1], unless)
			res.unless, res.pending, res.was, res.renewed = unless, true, g.current.ID, c.Addr.String()+" may be replaced"
			res.created.give(known(c.Addr))
		}
		return res
	}
	if !pb.canRun(c, img) {
		return g.asIs()
	}
	return pb.createContainer(want, g, img)
}

// comparison is one live container beside what is wanted of it.
type comparison struct {
	live    *LiveContainer
	want    *spec.Container // what will be written: the ignored attributes are as they are
	full    *spec.Container // what a new one would be
	was     *spec.Container // in normal form, with the state that it is in
	applied string          // the state that was last asked for
	diffs   []Diff
	reasons []string
	forced  bool // replaced though nothing differs
	adopt   bool
}

// compared reads a live container against what is wanted.
func (pb *planBuilder) compareLive(l *LiveContainer, want *spec.Container, img *decision) *comparison {
	p := &comparison{live: l, full: want}
	p.was = normal(l.asSpec(), pb.have.Host)
	p.applied = p.was.State
	p.was.State = currentState(l, want)
	p.was.Image.Name = orElse(l.Image, p.was.Image.Name)
	p.was.Image.Digest = orElse(l.Digest, orElse(p.was.Image.Digest, want.Image.Digest))
	p.was.Lifecycle.PreventDestroy = l.Protected
	canonicalizeSecurity(&p.was.Security, &want.Security, l.Lacks)
	if l.ImageDefaults != nil && p.was.Image.Digest == want.Image.Digest {
		canonicalize(p.was, want, l.ImageDefaults)
	}
	ignore := want.Lifecycle.IgnoreChanges
	p.want = want
	if len(ignore) > 0 {
		w := *want
		for i := range containerAttrs {
			row := &containerAttrs[i]
			if ignores(want, row.Name) {
				row.Copy(&w, p.was)
			}
		}
		if ignores(want, "state") {
			w.State = p.applied // what it is in is nobody's wish
		}
		p.want = &w
	}
	p.diffs = compareContainers(l, p.was, p.want, ignore)
	if !slices.Contains(ignore, "all") {
		p.diffs = append(p.diffs, outside(l, want)...)
	}
	for cost := Recreate; cost > Free; cost-- { // the dearest lead
		for _, d := range p.diffs {
			if d.Cost != cost {
				continue
			}
			why := reason(containerAttrs, d)
			if d.Path == "image" && img.renewed != "" && cost == Recreate && p.was.Image.Name == want.Image.Name {
				why = img.renewed
			}
			p.reasons = append(p.reasons, why)
		}
	}
	return p
}

// actual is the state that a container is in. A job that has ended well is as it should be.
func currentState(l *LiveContainer, want *spec.Container) string {
	switch {
	case l.Task.Status == TaskRunning:
		return spec.StateRunning
	case l.Task.Status == TaskPaused:
		return spec.StatePaused
	case want.Ready == spec.ReadyCompleted && l.Completed && want.State == spec.StateRunning:
		return spec.StateRunning
	}
	return spec.StateStopped
}

// force notes what else than a difference replaces the container.
func (p *comparison) noteForced(pb *planBuilder, c *spec.Container) {
	if pb.replaceAsked(c.Addr) {
		p.forced = true
		p.reasons = append([]string{"--replace"}, p.reasons...)
	}
	for _, a := range c.Lifecycle.ReplaceTriggeredBy {
		if by := pb.triggeredBy(a); by != "" {
			p.forced = true
			p.reasons = append(p.reasons, "replace_triggered_by: "+by)
		}
	}
}

// triggered tells whether what an address names gets new content in this plan, and what it is.
func (pb *planBuilder) triggeredBy(a spec.Addr) string {
	hit := func(x spec.Addr) bool { return pb.decisionOf(x).renewed != "" }
	if hit(a) {
		return a.String()
	}
	if a.Key == "" {
		for _, x := range pb.instances(a) {
			if hit(x) {
				return x.String()
			}
		}
	}
	return ""
}

// instances gives the addresses of a block's instances, in order.
func (pb *planBuilder) instances(block spec.Addr) []spec.Addr {
	if pb.byBlock == nil {
		pb.byBlock = map[spec.Addr][]spec.Addr{}
		for _, a := range pb.ordered {
			if a.Key != "" {
				pb.byBlock[a.Block()] = append(pb.byBlock[a.Block()], a)
			}
		}
	}
	return pb.byBlock[block]
}

// keep changes a container in place, if anything of it differs.
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
		move.stop = true // an apply that was cut off in the middle of a stop left a task that has ended
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
	// What is adopted gets its marks first: nothing unowned is touched. Else they come last: the restart monitor must not start a
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

// recordIsStale tells whether the record says that another state was asked for than is now.
func (p *comparison) recordIsStale() bool {
	c := p.want
	done := c.Ready == spec.ReadyCompleted && p.live.Completed
	return p.applied != c.State && !done && !ignores(c, "state")
}

func ignores(c *spec.Container, attr string) bool {
	return slices.Contains(c.Lifecycle.IgnoreChanges, attr) || slices.Contains(c.Lifecycle.IgnoreChanges, "all")
}

func needsRelabel(diffs []Diff) bool {
	return slices.ContainsFunc(diffs, func(d Diff) bool { return d.Cost == Relabel })
}

const stateDiffers = "state differs"

// replaceReason puts what happened to a process in the place of "state differs", which says less.
func withDriftReason(reasons []string, why string) []string {
	out := append([]string{}, reasons...)
	if i := slices.Index(out, stateDiffers); i >= 0 {
		out[i] = why
	}
	return out
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

// whyAdopted says why a container is taken over.
func (p *comparison) whyAdopted() string {
	if p.live.OtherKey != nil {
		return "its mark is of another key, and --adopt takes it over"
	}
	return "an import block adopts it"
}

func (pb *planBuilder) ownerDiffers(l *LiveContainer, c *spec.Container) bool {
	return l.Owner == nil || l.Owner.Addr != c.Addr || l.Owner.Stack != pb.want.Stack.Name
}

// motion is what happens to a container's process.
type motion struct{ stop, start, resume, await, pause bool }

func (t motion) none() bool { return t == motion{} }

// transition says how a container that is there gets into its wanted state.
func transition(l *LiveContainer, want *spec.Container) motion {
	job := want.Ready == spec.ReadyCompleted
	up := l.Task.Up()
	switch want.State {
	case spec.StateStopped:
		return motion{stop: up}
	case spec.StatePaused:
		if l.Task.Status == TaskPaused {
			return motion{}
		}
		return motion{start: !up, await: !up, pause: true}
	}
	switch {
	case job && l.Completed && !up:
		return motion{}
	case job && l.Task.Status == TaskStopped && l.Task.ExitCode == 0:
		return motion{await: true} // it ended well while nobody looked
	case l.Task.Status == TaskPaused:
		return motion{resume: true, await: job && !l.Completed}
	case up:
		return motion{await: l.Pending || job && !l.Completed}
	}
	return motion{start: true, await: true}
}

// driftReason says what a process is that isn't as it was asked for.
func driftReason(l *LiveContainer) string {
	switch l.Task.Status {
	case TaskRunning:
		return "its process runs"
	case TaskPaused:
		return "its process is paused"
	case TaskStopped:
		return exitText(l.Task)
	case TaskCreated:
		return "its process was made and never started"
	}
	return "its process is not there"
}

// check says what of a container the host cannot do, and what containerd would refuse.
func (pb *planBuilder) checkContainer(c *spec.Container) bool {
	n := len(pb.diags)
	h := pb.have.Host
	pb.emulate(orElse(c.Platform, h.Platform), c.Addr.String(), c.AttrAt("platform"))
	if r := orElse(c.Runtime, spec.DefaultRuntime); h.Runtimes != nil && !slices.Contains(h.Runtimes, r) {
		pb.fail(fault(c.AttrAt("runtime"), "Unknown runtime", "containerd has no shim for the runtime %q: it looks for it on its PATH and beside itself. Install it there, or leave the attribute out for %s.", r, spec.DefaultRuntime))
	}
	if s := orElse(c.Snapshotter, h.Snapshotter); h.Snapshotters != nil && s != "" && !slices.Contains(h.Snapshotters, s) {
		pb.fail(fault(c.AttrAt("snapshotter"), "Unknown snapshotter", "containerd has no snapshotter %q here; it has %s.%s", s, orElse(strings.Join(h.Snapshotters, ", "), "none"), didYouMean(s, h.Snapshotters)))
	}
	if c.Image.Addr.IsZero() || pb.decisions[c.Image.Addr] == nil {
		pb.fail(fault(c.AttrAt("image"), "No image", "%s has no image that the files describe.", c.Addr))
	}
	return len(pb.diags) == n
}
