package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// discardAll removes generations that nothing needs.
func (pb *planBuilder) discardAll(ls []*LiveContainer, c *spec.Container, why string) {
	for _, l := range ls {
		if pb.dispositions[l.ID] == nil {
			w := pb.add(c.Addr, Remove, "remove", pb.declarationOf(c.Addr), why)
			w.change.Old = l.ID
			pb.discard(w, l)
		}
	}
}

// discard stops and removes a container that nothing takes the place of.
func (pb *planBuilder) discard(w *changeDraft, l *LiveContainer) {
	w.change.Object = nameOf(l)
	was := l.asSpec()
	name := orElse(l.Name, short(l.ID))
	f := pb.dispositionOf(l)
	if mayRun(l, was) {
		f.stopped = w.step(&StopTask{ID: l.ID, Name: name, Signal: was.StopSignal, Timeout: cmp.Or(was.StopTimeout, spec.DefaultStopTimeout)}).touches(touchContainer(l))
	}
	f.removed = w.step(&RemoveContainer{ID: l.ID, Name: name}, f.stopped).touches(touchContainer(l))
	if f.stopped == nil {
		f.stopped = f.removed
	}
}

func (pb *planBuilder) dispositionOf(l *LiveContainer) *disposition {
	if pb.dispositions[l.ID] == nil {
		pb.dispositions[l.ID] = &disposition{}
	}
	return pb.dispositions[l.ID]
}

// removeOrphans removes what this stack owns and nothing wants any more.
func (pb *planBuilder) removeOrphans() {
	gone := make([]spec.Addr, 0)
	for a := range pb.generations {
		if (pb.o.Destroy || pb.blocks[a] == nil) && pb.scope.has(a) {
			gone = append(gone, a)
		}
	}
	slices.SortFunc(gone, lessAddr)
	for _, a := range gone {
		g := pb.generations[a]
		all := g.leftovers()
		if g.current != nil {
			all = append([]*LiveContainer{g.current}, all...)
		}
		for _, l := range all {
			if l.Protected && !l.Pending {
				pb.fail(pb.protectedRemoval(a, "container "+nameOf(l)))
				continue
			}
			w := pb.add(a, Remove, "remove", pb.declarationOf(a), pb.goneReason())
			pb.discard(w, l)
			pb.leaves(w, l)
		}
	}
	pb.connectDependents()
}

func (pb *planBuilder) goneReason() string {
	if pb.o.Destroy {
		return "the stack is destroyed"
	}
	return "it is not in the files any more"
}

func (pb *planBuilder) protectedRemoval(a spec.Addr, what string) *hcl.Diagnostic {
	if pb.blocks[a] != nil || pb.o.Destroy {
		return fault(pb.rangeOf(a, "lifecycle"), "Removal is prevented", "The %s is %s, and prevent_destroy was true when it was last applied. Set prevent_destroy = false and apply that first.", what, a)
	}
	return fault(hcl.Range{}, "Removal is prevented", "The %s was %s, which is not in the files any more, and it has prevent_destroy = true from the last apply. Put the block back with prevent_destroy = false and apply that; then take the block out.", what, a)
}

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
		if r := pb.images[a]; r != nil {
			out = append(out, r.last...)
		}
		if r := pb.containers[a]; r != nil && len(r.unless) > 0 {
			out = append(out, r.created)
		}
	}
	return out
}

// waitForNeeds lets a start wait until what the container refers to is ready.
func (pb *planBuilder) waitForNeeds(d *stepDraft, c *spec.Container) {
	for _, a := range refs(c) {
		if r := pb.containers[a]; r != nil {
			d.wait(r.ready...)
		}
	}
	if e := pb.emulators[orElse(c.Platform, pb.have.Host.Platform)]; e != nil {
		d.wait(e)
	}
}

func (pb *planBuilder) waitForDiscarded(d *stepDraft, ls []*LiveContainer) {
	for _, l := range ls {
		if f := pb.dispositions[l.ID]; f != nil {
			d.wait(f.removed)
		}
	}
}

// connectDependents lets a container go after those that depended on it, as they said when they were applied. What live
// objects say may go in a circle, after an apply that did not end; these edges give way then.
func (pb *planBuilder) connectDependents() {
	for _, a := range pb.ownedAddresses() {
		g := pb.generations[a]
		if g.current == nil || g.current.Spec == nil {
			continue
		}
		mine := pb.dispositions[g.current.ID]
		for _, dep := range g.current.Spec.DependsOn {
			on := pb.generations[dep]
			if dep == a || on == nil || on.current == nil {
				continue
			}
			its := pb.dispositions[on.current.ID]
			switch {
			case its == nil || its.stopped == nil:
			case mine != nil && mine.gone:
				its.stopped.weak = append(its.stopped.weak, mine.stopped)
				if its.removed != nil && its.gone {
					its.removed.weak = append(its.removed.weak, mine.removed)
				}
			case its.gone && pb.containers[a] != nil:
				its.stopped.weak = append(its.stopped.weak, pb.containers[a].ready...)
			}
		}
	}
}

func (pb *planBuilder) ownedAddresses() []spec.Addr {
	out := make([]spec.Addr, 0, len(pb.generations))
	for a := range pb.generations {
		out = append(out, a)
	}
	slices.SortFunc(out, lessAddr)
	return out
}

// untagOrphans untags the records that this stack owns and nothing wants any more.
func (pb *planBuilder) untagOrphans() {
	for _, name := range sortedKeys(pb.have.Images) {
		rec := pb.have.Images[name]
		if !pb.ours(rec.Owner) || pb.records[name] || !pb.scope.has(rec.Owner.Addr) {
			continue
		}
		if rec.Protected {
			pb.fail(pb.protectedRemoval(rec.Owner.Addr, "image "+familiar(name)))
			continue
		}
		if free, after := pb.unused(rec); free {
			pb.untag(rec, after)
		}
	}
}

// unused tells whether no container will need a record any more, and after which steps. Whoever isn't this stack's and needs it
// is named.
func (pb *planBuilder) unused(rec *LiveImage) (bool, []*stepDraft) {
	var after []*stepDraft
	var stay []string
	free := true
	for _, l := range pb.byImage[rec.ID] {
		if f := pb.dispositions[l.ID]; f != nil && f.removed != nil {
			after = append(after, f.removed)
			continue
		}
		if d := pb.relabelled(l, rec.ID); d != nil {
			after = append(after, d)
			continue
		}
		free = false
		switch {
		case pb.ours(l.OtherKey): // checkKeys has said whose it is
		case !pb.ours(l.Owner):
			by := "which no stack owns"
			if l.Owner != nil {
				by = fmt.Sprintf("which is of stack %q", l.Owner.Stack)
			}
			stay = append(stay, nameOf(l)+", "+by)
		case pb.o.Destroy && !l.Protected: // else that has been said
			stay = append(stay, nameOf(l)+", which is "+l.Owner.Addr.String()+" and stays")
		}
	}
	if len(stay) > 0 {
		slices.Sort(stay)
		remedy := "Remove that first, or keep the image in the files."
		if pb.o.Destroy {
			remedy = fmt.Sprintf("Remove that first, or leave the image out with --exclude %s.", rec.Owner.Addr)
		}
		pb.fail(fault(pb.rangeOf(rec.Owner.Addr, "name"), "Image in use", "The image %s would be untagged (%s), and it is what %s made from: %s. %s",
			familiar(rec.ID), pb.goneReason(), Count(len(stay), "container")+isAre(len(stay)), strings.Join(stay, "; "), remedy))
	}
	return free, after
}

func isAre(n int) string {
	if n == 1 {
		return " is"
	}
	return " are"
}

// relabelled gives the step that writes another image name into a container's record; nil if there is none.
func (pb *planBuilder) relabelled(l *LiveContainer, name string) *stepDraft {
	d := pb.relabels[l.ID]
	if d == nil || d.op.(*RelabelContainer).Want.Image.Name == name {
		return nil
	}
	return d
}

func (pb *planBuilder) untag(rec *LiveImage, after []*stepDraft) {
	why := pb.goneReason()
	a := rec.Owner.Addr
	if r, ok := pb.blocks[a].(*spec.Image); ok && !pb.o.Destroy {
		why = a.String() + " is " + familiar(r.Name) + " now"
		if main := pb.have.Images[r.Name]; main != nil && main.Owner != nil && *main.Owner == *rec.Owner { // it has had that name before
			why = "it is no tag of " + a.String() + " any more"
		}
	} else if a.Name == rec.ID && !pb.o.Destroy {
		why = "no container uses it any more"
	}
	w := pb.add(a, Remove, "untag", nil, why)
	if pb.o.Destroy {
		w.change.Decl = pb.declarationOf(a)
	}
	w.change.Object = familiar(rec.ID)
	w.step(&UntagImage{Name: rec.ID}, after...).touches(touchImage(rec))
	pb.moves[rec.ID] = &move{work: w}
}
