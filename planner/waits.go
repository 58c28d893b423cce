package planner

import (
	"github.com/fairlead-dev/fairlead/spec"
)

// taker is a step that needs what its container has alone, which another container may still have.
type taker struct {
	step *stepDraft
	want *spec.Container
}

func (pb *planBuilder) waitForFacts(d *stepDraft, c *spec.Container) {
	pb.takers = append(pb.takers, taker{d, c})
}

// stepsThatTell gives the slow steps after which all that a resource refers to is known: the digests of images, and which of two containers
// it is that has an address.
func (pb *planBuilder) stepsThatTell(r spec.Resource) []*stepDraft {
	var out []*stepDraft
	for _, a := range pb.refs(r) {
		out = append(out, pb.decisionOf(a).knownAfter...)
	}
	return out
}

// waitForNeeds lets a start wait until what the container refers to is ready.
func (pb *planBuilder) waitForNeeds(d *stepDraft, c *spec.Container) {
	for _, a := range pb.refs(c) {
		d.wait(pb.decisionOf(a).ready...)
	}
	d.wait(pb.decisionOf(spec.EmulatorAddr(orElse(c.Platform, pb.have.Host.Platform))).ready...)
}

func (pb *planBuilder) waitForDiscarded(d *stepDraft, ls []*LiveContainer) {
	for _, l := range ls {
		if f := pb.dispositions[l.ID]; f != nil {
			d.wait(f.removed)
		}
	}
}
