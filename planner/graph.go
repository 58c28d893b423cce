package planner

import (
	"cmp"
	"container/heap"
	"slices"
)

// order sorts the changes as people read them, adds CheckUnmoved, and puts the steps into a valid order: the lowest-numbered
// that can run is the one that should.
func (m *maker) order() {
	m.sortWorks()
	m.addBarrier()
	m.drafts = numbered(m.allDrafts())
}

// sortWorks puts changes into the order of their declarations; what has none comes after.
func (m *maker) sortWorks() {
	slices.SortStableFunc(m.works, func(a, b *work) int {
		x, y := a.change, b.change
		if (x.Decl == nil) != (y.Decl == nil) {
			if x.Decl == nil {
				return 1
			}
			return -1
		}
		if x.Decl != nil {
			if c := cmp.Or(cmp.Compare(x.Decl.Filename, y.Decl.Filename), cmp.Compare(x.Decl.Start.Byte, y.Decl.Start.Byte), cmp.Compare(x.Decl.Start.Line, y.Decl.Start.Line)); c != 0 {
				return c
			}
		}
		return cmp.Or(lessAddr(x.Addr, y.Addr), cmp.Compare(x.Object, y.Object))
	})
}

func (m *maker) allDrafts() []*draft {
	var out []*draft
	for _, w := range m.works {
		out = append(out, w.steps...)
	}
	if m.barrier != nil {
		out = append(out, m.barrier)
	}
	for i, d := range out {
		d.id = i // the rank among equals, for now
	}
	return out
}

// addBarrier puts CheckUnmoved between all slow steps and each step that touches what was there.
func (m *maker) addBarrier() {
	var behind []*draft
	var touches []Touch
	seen := map[Touch]bool{}
	followed := map[*draft]bool{} // slow steps that another slow one waits for
	for _, w := range m.works {
		for _, d := range w.steps {
			_, push := d.op.(*PushImage)
			if d.slow {
				for _, b := range d.after {
					followed[b] = true
				}
			}
			d.behind = d.behind || d.touch != nil && !d.slow && !push
			if !d.behind {
				continue
			}
			behind = append(behind, d)
			if d.touch != nil && !seen[*d.touch] {
				seen[*d.touch] = true
				touches = append(touches, *d.touch)
			}
		}
	}
	if len(touches) == 0 {
		return
	}
	sortTouches(touches)
	m.barrier = &draft{op: &CheckUnmoved{Touches: touches}, cause: "what is about to be touched must be as the plan saw it"}
	for _, w := range m.works {
		for _, d := range w.steps {
			if d.slow && !followed[d] {
				m.barrier.after = append(m.barrier.after, d)
			}
		}
	}
	for _, d := range behind {
		if !slices.ContainsFunc(d.after, func(b *draft) bool { return b.behind }) {
			d.after = append(d.after, m.barrier)
		}
	}
}

func sortTouches(ts []Touch) {
	slices.SortFunc(ts, func(a, b Touch) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

// numbered gives the steps in an order in which each comes after what it waits for, and numbers them from 1. Soft edges that
// close a circle are dropped; a circle of hard ones would be a fault of planner, and panics.
func numbered(all []*draft) []*draft {
	hard := make(map[*draft]int, len(all))
	soft := make(map[*draft]int, len(all))
	next := make(map[*draft][]*draft, len(all))
	nextSoft := map[*draft][]*draft{}
	for _, d := range all {
		d.after = distinct(d.after)
		d.soft = distinct(d.soft)
		hard[d], soft[d] = len(d.after), len(d.soft)
		for _, b := range d.after {
			next[b] = append(next[b], d)
		}
		for _, b := range d.soft {
			nextSoft[b] = append(nextSoft[b], d)
		}
	}
	var ready, waiting byRank // waiting: held back by soft edges alone
	put := func(d *draft) {
		if hard[d] > 0 {
			return
		}
		if soft[d] > 0 {
			heap.Push(&waiting, d)
		} else {
			heap.Push(&ready, d)
		}
	}
	for _, d := range all {
		put(d)
	}
	out := make([]*draft, 0, len(all))
	done := make(map[*draft]bool, len(all))
	for len(out) < len(all) {
		var d *draft
		switch {
		case len(ready) > 0:
			d = heap.Pop(&ready).(*draft)
		case len(waiting) > 0:
			d = heap.Pop(&waiting).(*draft)
		default:
			panic("planner: the steps of a plan go in a circle")
		}
		if done[d] {
			continue
		}
		done[d] = true
		d.soft = slices.DeleteFunc(d.soft, func(b *draft) bool { return !done[b] || b == d })
		out = append(out, d)
		for _, n := range next[d] {
			hard[n]--
			put(n)
		}
		for _, n := range nextSoft[d] {
			if soft[n]--; soft[n] == 0 && !done[n] {
				put(n)
			}
		}
	}
	for i, d := range out {
		d.id = i + 1
	}
	return out
}

func distinct(ds []*draft) []*draft {
	seen := make(map[*draft]bool, len(ds))
	return slices.DeleteFunc(ds, func(d *draft) bool {
		was := seen[d]
		seen[d] = true
		return was
	})
}

// class is which steps come first among those that can run: slow work, the check, what touches things; pushes last.
func (d *draft) class() int {
	switch d.op.(type) {
	case *CheckUnmoved:
		return 1
	case *PushImage:
		return 3
	}
	if d.slow {
		return 0
	}
	return 2
}

// byRank is a heap: by class, then by change and stage.
type byRank []*draft

func (h byRank) Len() int { return len(h) }
func (h byRank) Less(i, j int) bool {
	if a, b := h[i].class(), h[j].class(); a != b {
		return a < b
	}
	return h[i].id < h[j].id
}
func (h byRank) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *byRank) Push(x any)   { *h = append(*h, x.(*draft)) }
func (h *byRank) Pop() any {
	old := *h
	d := old[len(old)-1]
	*h = old[:len(old)-1]
	return d
}
