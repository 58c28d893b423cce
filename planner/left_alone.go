package planner

import (
	"slices"

	"github.com/fairlead-dev/fairlead/spec"
)

// A container whose image is made anew is replaced only if something else comes out. That is so where nothing but the new
// digests makes it differ; its steps are passed over then.

// buildStepsOf gives the steps on whose results a container depends, by its image and by what it refers to.
func (pb *planBuilder) buildStepsOf(c *spec.Container) []*stepDraft {
	var out []*stepDraft
	for _, a := range pb.refs(c) {
		out = append(out, pb.decisionOf(a).unless...)
	}
	return distinct(out)
}

// unlessSame gives the steps without whose changes a container that is to be replaced would be left alone; none: it is replaced
// whatever they give.
func (pb *planBuilder) unlessSame(c *spec.Container, g *generations) []*stepDraft {
	makes := pb.buildStepsOf(c)
	img := pb.decisionOf(c.Image.Addr)
	if len(makes) == 0 || img.pending && img.was == "" || len(g.leftovers()) > 0 || g.adopted {
		return nil
	}
	same := pb.reevaluateWith(c, pb.values.before)
	if same == nil {
		return nil
	}
	want := normal(same.(*spec.Container), pb.have.Host)
	want.Image.Digest = img.identity
	if img.pending {
		want.Image.Digest = img.was
	}
	want.Image.Name = orElse(want.Image.Name, img.record)
	p := pb.compareLive(g.current, want, img)
	if len(p.diffs) > 0 || !transition(g.current, want).none() || p.recordIsStale() || pb.ownerDiffers(g.current, c) {
		return nil
	}
	if pb.replaceAsked(c.Addr) {
		return nil
	}
	for _, a := range c.Lifecycle.ReplaceTriggeredBy {
		if pb.triggeredBy(a) != "" && !pb.changesOnlyByBuild(a) {
			return nil
		}
	}
	return makes
}

// changesOnlyByBuild tells whether what an address names changes only if something that is made anew comes out differently.
func (pb *planBuilder) changesOnlyByBuild(a spec.Addr) bool {
	all := []spec.Addr{a}
	if a.Key == "" {
		all = append(all, pb.instances(a)...)
	}
	return !slices.ContainsFunc(all, func(x spec.Addr) bool {
		d := pb.decisionOf(x)
		return d.renewed != "" && !d.staysIfSame()
	})
}

// leaveAlone lets all steps of a change be passed over unless one of the given changes something.
func (pb *planBuilder) leaveAlone(w *changeDraft, unless []*stepDraft) {
	for _, d := range w.steps {
		d.onlyIf = unless
		RowOf(d.op).set(d.op, roleWas, w.change.Old)
	}
	var from []string
	for _, d := range unless {
		from = append(from, d.change.change.Addr.String())
	}
	slices.Sort(from)
	w.change.Notes = append(w.change.Notes, "left alone if "+comeOut(slices.Compact(from))+" as before")
}

// comeOut puts what comes out into one clause.
func comeOut(names []string) string {
	if len(names) == 1 {
		return names[0] + " comes out"
	}
	out := names[0]
	for i, n := range names[1:] {
		sep := ", "
		if i == len(names)-2 {
			sep = " and "
		}
		out += sep + n
	}
	return out + " come out"
}
