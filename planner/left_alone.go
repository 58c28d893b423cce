package planner

import (
	"cmp"
	"slices"

	"github.com/fairlead-dev/fairlead/spec"
)

// A container whose image is rebuilt is replaced only if other content comes out, provided that nothing but the new digest makes it differ. Else its steps
// are passed over.

// buildStepsOf gives the steps whose results decide whether a container differs: those that build its image, or what it refers to.
func (pb *planBuilder) buildStepsOf(c *spec.Container) []*stepDraft {
	var out []*stepDraft
	for _, a := range pb.refs(c) {
		out = append(out, pb.decisionOf(a).onlyIf...)
	}
	return distinct(out)
}

// stepsThatDecide gives the steps of which one must change something for a container to differ; none if it differs whatever comes out of them.
func (pb *planBuilder) stepsThatDecide(c *spec.Container, g *generations) []*stepDraft {
	builds := pb.buildStepsOf(c)
	img := pb.decisionOf(c.Image.Addr)
	if len(builds) == 0 || img.unknown && img.was == "" || len(g.leftovers()) > 0 || g.adopted {
		return nil
	}
	same := pb.reevaluateWith(c, pb.values.before)
	if same == nil {
		return nil
	}
	want := normal(same.(*spec.Container), pb.have.Host)
	want.Image.Digest = img.identity
	if img.unknown {
		want.Image.Digest = img.was
	}
	want.Image.Name = cmp.Or(want.Image.Name, img.record)
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
	return builds
}

// changesOnlyByBuild tells whether all that an address names stays as it was if what is rebuilt comes out as before.
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

// leaveAlone makes all steps of a change conditional: they are passed over unless one of onlyIf changes something.
func (pb *planBuilder) leaveAlone(w *changeDraft, onlyIf []*stepDraft) {
	for _, d := range w.steps {
		d.onlyIf = onlyIf
		RowOf(d.op).set(d.op, roleWas, w.change.Old)
	}
	var from []string
	for _, d := range onlyIf {
		from = append(from, d.change.change.Addr.String())
	}
	slices.Sort(from)
	w.change.Notes = append(w.change.Notes, "left alone if "+comeOut(slices.Compact(from))+" as before")
}

// comeOut joins names to a clause: "a, b and c come out".
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
