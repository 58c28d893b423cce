package planner

import (
	"cmp"
	"slices"

	"github.com/fairlead-dev/fairlead/spec"
)

// comparison is a live container beside the wanted one.
type comparison struct {
	live    *LiveContainer
	want    *spec.Container // what an update writes: ignored attributes are as on the host
	full    *spec.Container // what a new container would have
	was     *spec.Container // what the live one has, in normal form, with its state of now
	applied string          // the state that was last asked for
	diffs   []Diff
	reasons []string
	renewed string // why the image has other content; "": it has the same
	forced  bool   // it is replaced though nothing differs
	adopt   bool
}

// compareLive compares a live container with the wanted one.
func (pb *planBuilder) compareLive(l *LiveContainer, want *spec.Container, img *decision) *comparison {
	p := &comparison{live: l, full: want, renewed: img.renewed}
	p.was = normal(l.asSpec(), pb.have.Host)
	p.applied = p.was.State
	p.was.State = currentState(l, want)
	p.was.Image.Name = cmp.Or(l.Image, p.was.Image.Name)
	p.was.Image.Digest = cmp.Or(l.Digest, cmp.Or(p.was.Image.Digest, want.Image.Digest))
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
			w.State = p.applied // nobody asked for the state of now
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
			p.reasons = append(p.reasons, p.reasonOf(d))
		}
	}
	return p
}

// reasonOf says a difference as a clause.
func (p *comparison) reasonOf(d Diff) string {
	if d.Path == "image" && p.renewed != "" && d.Cost == Recreate && p.was.Image.Name == p.full.Image.Name {
		return p.renewed
	}
	return reason(containerAttrs, d)
}

// currentState is the state that a container is in. A job that has ended with 0 counts as running, as its block asks.
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

// noteForced notes that --replace or replace_triggered_by replaces the container.
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

func ignores(c *spec.Container, attr string) bool {
	return slices.Contains(c.Lifecycle.IgnoreChanges, attr) || slices.Contains(c.Lifecycle.IgnoreChanges, "all")
}
