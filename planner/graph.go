package planner

import (
	"cmp"
	"container/heap"
	"iter"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// connect turns what the steps declare into edges.
func (pb *planBuilder) connect() {
	givers := map[fact][]*stepDraft{} // of the facts that a step needs
	for d := range pb.drafts() {
		for _, f := range d.needs {
			givers[f] = nil
		}
		for _, f := range d.prefers {
			givers[f] = nil
		}
	}
	for d := range pb.drafts() {
		for _, f := range d.gives {
			if ds, needed := givers[f]; needed {
				givers[f] = append(ds, d)
			}
		}
	}
	for d := range pb.drafts() {
		d.wait(d.stages...)
		d.wait(d.onlyIf...)
		for _, f := range d.needs {
			d.wait(givers[f]...)
		}
		for _, f := range d.prefers {
			d.weak = append(d.weak, givers[f]...)
		}
	}
	for _, t := range pb.takeovers {
		t.connect()
	}
}

// drafts are the steps of all changes.
func (pb *planBuilder) drafts() iter.Seq[*stepDraft] {
	return func(yield func(*stepDraft) bool) {
		for _, w := range pb.changes {
			for _, d := range w.steps {
				if !yield(d) {
					return
				}
			}
		}
	}
}

// takeover is the part of a plan in which containers stop and others start in their place. Once a stop has run, an interrupt doesn't hold
// back the rest.
type takeover struct {
	stops  []*stepDraft
	starts []*stepDraft
}

// connect lets what the starts wait for precede the stops: nothing that was stopped waits for anything but its successor.
func (t *takeover) connect() {
	own := map[*stepDraft]bool{}
	for _, d := range append(slices.Clip(t.stops), t.starts...) {
		own[d] = true
	}
	isOwn := func(b *stepDraft) bool { return own[b] }
	for _, d := range t.starts {
		d.uninterruptible = true
		after, weak := slices.DeleteFunc(slices.Clone(d.after), isOwn), slices.DeleteFunc(slices.Clone(d.weak), isOwn)
		for _, s := range t.stops {
			s.wait(after...)
			s.weak = append(s.weak, weak...)
		}
	}
}

func (d *stepDraft) wait(after ...*stepDraft) {
	for _, a := range after {
		if a != nil && a != d {
			d.after = append(d.after, a)
		}
	}
}

// order sorts the changes as people read them, adds CheckUnmoved, and puts the steps into a valid order: the lowest-numbered
// that can run is the one that should.
func (pb *planBuilder) order() {
	pb.sortChanges()
	pb.addBarrier()
	all := pb.allSteps()
	if pb.steps = inOrder(all); len(pb.steps) < len(all) {
		pb.fail(fault(hcl.Range{}, "Steps in a circle",
			"%s of the plan wait for each other. This is a fault of fairlead: report it with the stack's files.", Count(len(all)-len(pb.steps), "step")))
	}
}

// sortChanges puts changes into the order of their declarations; what has none comes after.
func (pb *planBuilder) sortChanges() {
	slices.SortStableFunc(pb.changes, func(a, b *changeDraft) int {
		x, y := a.change, b.change
		if (x.Decl == nil) != (y.Decl == nil) {
			if x.Decl == nil {
				return 1
			}
			return -1
		}
		if x.Decl != nil {
			at, other := x.Decl.Start, y.Decl.Start
			c := cmp.Or(cmp.Compare(x.Decl.Filename, y.Decl.Filename), cmp.Compare(at.Byte, other.Byte), cmp.Compare(at.Line, other.Line))
			if c != 0 {
				return c
			}
		}
		return cmp.Or(x.Addr.Compare(y.Addr), cmp.Compare(x.Object, y.Object))
	})
}

func (pb *planBuilder) allSteps() []*stepDraft {
	out := slices.Collect(pb.drafts())
	if pb.barrier != nil {
		out = append(out, pb.barrier)
	}
	for i, d := range out {
		d.id = i // the rank among equals, for now
	}
	return out
}

// addBarrier puts CheckUnmoved between all steps that prepare and each step that touches what was there.
func (pb *planBuilder) addBarrier() {
	var behind []*stepDraft
	followed := map[*stepDraft]bool{} // steps that prepare, for which another one of these waits
	for d := range pb.drafts() {
		if d.phase == PhasePrepare {
			for _, b := range d.after {
				followed[b] = true
			}
		}
		d.afterCheck = d.afterCheck || d.touch != nil && d.phase == PhaseAct
		if d.afterCheck {
			behind = append(behind, d)
		}
	}
	touches := touchesOf(behind)
	if len(touches) == 0 {
		return
	}
	const cause = "what is about to be touched must be as the plan saw it"
	pb.barrier = &stepDraft{op: &CheckUnmoved{Touches: touches}, phase: PhaseCheck, cause: cause}
	for d := range pb.drafts() {
		if d.phase == PhasePrepare && !followed[d] {
			pb.barrier.wait(d)
		}
	}
	for _, d := range behind {
		if !slices.ContainsFunc(d.after, func(b *stepDraft) bool { return b.afterCheck }) {
			d.wait(pb.barrier)
		}
	}
}

// touchesOf gives what was there and is changed by steps, each object once.
func touchesOf(ds []*stepDraft) []Touch {
	all := make([]Touch, 0, len(ds))
	for _, d := range ds {
		if d.touch != nil && (len(all) == 0 || all[len(all)-1] != *d.touch) { // steps of one object mostly stand together
			all = append(all, *d.touch)
		}
	}
	slices.SortFunc(all, func(a, b Touch) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return slices.Compact(all)
}

// inOrder gives the steps in an order in which each comes after what it waits for, and numbers them from 1. It drops weak edges that
// close a circle. Steps in a circle of other edges, which would be a fault of planner, are left out. The ID of each must be its place.
func inOrder(all []*stepDraft) []*stepDraft {
	strong, weak := make([]int, len(all)), make([]int, len(all)) // by ID: how many edges hold a step back
	next, nextWeak := make([][]*stepDraft, len(all)), map[int][]*stepDraft{}
	for _, d := range all {
		d.after = distinct(d.after)
		d.weak = distinct(d.weak)
		strong[d.id], weak[d.id] = len(d.after), len(d.weak)
		for _, b := range d.after {
			next[b.id] = append(next[b.id], d)
		}
		for _, b := range d.weak {
			nextWeak[b.id] = append(nextWeak[b.id], d)
		}
	}
	var ready, waiting byRank // waiting: held back by weak edges alone
	put := func(d *stepDraft) {
		if strong[d.id] > 0 {
			return
		}
		if weak[d.id] > 0 {
			heap.Push(&waiting, d)
		} else {
			heap.Push(&ready, d)
		}
	}
	for _, d := range all {
		put(d)
	}
	out := make([]*stepDraft, 0, len(all))
	done := make([]bool, len(all))
	for len(out) < len(all) {
		var d *stepDraft
		switch {
		case len(ready) > 0:
			d = heap.Pop(&ready).(*stepDraft)
		case len(waiting) > 0:
			d = heap.Pop(&waiting).(*stepDraft)
		default:
			return out
		}
		if done[d.id] {
			continue
		}
		done[d.id] = true
		d.weak = slices.DeleteFunc(d.weak, func(b *stepDraft) bool { return !done[b.id] || b == d })
		out = append(out, d)
		for _, n := range next[d.id] {
			strong[n.id]--
			put(n)
		}
		for _, n := range nextWeak[d.id] {
			if weak[n.id]--; weak[n.id] == 0 && !done[n.id] {
				put(n)
			}
		}
	}
	for i, d := range out {
		d.id = i + 1
	}
	return out
}

func distinct(ds []*stepDraft) []*stepDraft {
	if len(ds) < 2 { // as most steps have
		return ds
	}
	seen := make(map[*stepDraft]bool, len(ds))
	return slices.DeleteFunc(ds, func(d *stepDraft) bool {
		was := seen[d]
		seen[d] = true
		return was
	})
}

// byRank is a heap: by phase, then by change and stage.
type byRank []*stepDraft

func (h byRank) Len() int { return len(h) }
func (h byRank) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].phase, h[j].phase), cmp.Compare(h[i].id, h[j].id)) < 0
}
func (h byRank) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *byRank) Push(x any)   { *h = append(*h, x.(*stepDraft)) }
func (h *byRank) Pop() any {
	old := *h
	d := old[len(old)-1]
	*h = old[:len(old)-1]
	return d
}
