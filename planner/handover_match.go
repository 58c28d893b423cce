package planner

import (
	"iter"
	"maps"
	"slices"

	"github.com/fairlead-dev/fairlead/spec"
)

// handoverMatch decides who takes over from whom. Each container is in one handover at most.
type handoverMatch struct {
	pb        *planBuilder
	taken     map[any]bool // outgoing and incoming containers that are in a handover
	found     []*handover
	moves     []moveIn
	refersTo  map[spec.Addr][]spec.Addr
	referrers map[spec.Addr][]spec.Addr
}

func (pb *planBuilder) newHandoverMatch() *handoverMatch {
	m := &handoverMatch{pb: pb, taken: map[any]bool{}, refersTo: map[spec.Addr][]spec.Addr{}, referrers: map[spec.Addr][]spec.Addr{}}
	if len(pb.outgoing) == 0 {
		return m // nobody hands over anything
	}
	for _, a := range pb.ordered {
		m.refersTo[a] = pb.refs(pb.blocks[a])
		for _, b := range m.refersTo[a] {
			m.referrers[b] = append(m.referrers[b], a)
		}
	}
	return m
}

// handOver finds all handovers, and declares what each means for its steps.
func (pb *planBuilder) handOver() {
	m := pb.newHandoverMatch()
	for _, h := range m.handovers() {
		m.arrange(h)
	}
	m.claim()
	m.moveOn()
	m.keepUntilReady()
}

// handovers finds who takes over from whom. Where the two are the same but for their address, that is clear, and the two are a
// handover of their own.
func (m *handoverMatch) handovers() []*handover {
	if len(m.pb.outgoing) == 0 {
		return nil
	}
	generations := map[spec.Addr][]*outgoing{}
	for _, x := range m.pb.outgoing {
		generations[x.addr] = append(generations[x.addr], x)
	}
	var keys []func(*spec.Container) []string
	for _, k := range exclusiveKinds {
		if !k.overlaps {
			keys = append(keys, k.values)
		}
	}
	for _, key := range append(keys, func(c *spec.Container) []string { return []string{listensAs(c)} }) {
		mayPair := func(x *outgoing, y *incoming) bool { return x.stop != nil || x.stoppedFor(y) && !mayOverlap(x, y) }
		for x, y := range m.pairs(key, mayPair) {
			h := &handover{to: []*incoming{y}, predecessors: map[*incoming][]*outgoing{y: {x}}}
			for _, g := range generations[x.addr] {
				if !m.taken[g] {
					h.from = append(h.from, g)
				}
			}
			m.add(h)
		}
	}
	m.findMoves() // of these it is clear too, so they are in no group
	m.group()
	m.merge()
	return m.found
}

// moveIn is a container that is replaced at its own address and will have what one has that is removed.
type moveIn struct {
	from *outgoing
	to   claimant
}

func (m *handoverMatch) findMoves() {
	removed := map[string][]*outgoing{}
	for _, x := range m.pb.outgoing {
		if as := listening(x.was); as != "" && !m.taken[x] && x.stop != nil && x.isUp() {
			removed[as] = append(removed[as], x)
		}
	}
	for _, c := range m.pb.claimants {
		as := listening(c.want)
		xs := removed[as]
		if as != listening(c.was()) && len(xs) > 0 && m.pb.decisionOf(c.want.Addr).replaces && len(conflicts(xs[0].was, c.want)) > 0 {
			m.moves = append(m.moves, moveIn{xs[0], c})
			m.taken[xs[0]] = true
			removed[as] = xs[1:]
		}
	}
}

func (m *handoverMatch) add(h *handover) {
	m.found = append(m.found, h)
	for _, x := range h.from {
		m.taken[x] = true
	}
	for _, y := range h.to {
		m.taken[y] = true
	}
}

// pairs gives one outgoing container for each incoming one, of those that have a key in common. Who takes a pair adds it to a handover.
func (m *handoverMatch) pairs(
	keys func(*spec.Container) []string, mayPair func(*outgoing, *incoming) bool,
) iter.Seq2[*outgoing, *incoming] {
	return func(yield func(*outgoing, *incoming) bool) {
		by := map[string][]*outgoing{}
		for _, x := range m.pb.outgoing {
			if !m.taken[x] && !x.live.Pending {
				for _, k := range keys(x.was) {
					by[k] = append(by[k], x)
				}
			}
		}
		if len(by) == 0 {
			return
		}
		for _, y := range m.pb.incoming {
			if m.taken[y] {
				continue
			}
			for _, k := range keys(y.want) {
				i := slices.IndexFunc(by[k], func(x *outgoing) bool { return !m.taken[x] && mayPair(x, y) })
				if i < 0 {
					continue
				}
				x := by[k][i]
				by[k] = slices.Delete(by[k], i, i+1)
				if !yield(x, y) {
					return
				}
				break
			}
		}
	}
}

// group makes handovers of those of which nobody can tell: one for all that hang together by what they have alone.
func (m *handoverMatch) group() {
	groups := handoverGroups{of: map[exclusive]*handover{}}
	for _, y := range m.pb.incoming {
		if !m.taken[y] && len(overlapping(y.want)) > 0 {
			h := groups.join(y.want)
			h.to = append(h.to, y)
		}
	}
	for _, x := range m.pb.outgoing {
		isNeeded := func(y *incoming) bool {
			return !m.taken[y] && (x.stop != nil || x.stoppedFor(y) && !x.live.Pending) && mayNeed(y, x)
		}
		if !m.taken[x] && slices.ContainsFunc(m.pb.incoming, isNeeded) {
			h := groups.join(x.was)
			h.from = append(h.from, x)
		}
	}
	for _, h := range groups.all {
		if len(h.from) > 0 && len(h.to) > 0 {
			h.assign()
			m.add(h)
		}
	}
}

// handoverGroups are the handovers of containers that hang together by what they have alone.
type handoverGroups struct {
	of  map[exclusive]*handover
	all []*handover
}

// join gives the handover of all that need what c does, besides its name: one, also where these were several until now.
func (s *handoverGroups) join(c *spec.Container) *handover {
	var h *handover
	for _, e := range overlapping(c) {
		g := s.of[e]
		switch {
		case g == nil || g == h:
		case h == nil:
			h = g
		default:
			h.merge(g)
			s.all = slices.DeleteFunc(s.all, func(x *handover) bool { return x == g })
			for k, v := range s.of {
				if v == g {
					s.of[k] = h
				}
			}
		}
	}
	if h == nil {
		h = &handover{predecessors: map[*incoming][]*outgoing{}}
		s.all = append(s.all, h)
	}
	for _, e := range overlapping(c) {
		s.of[e] = h
	}
	return h
}

// mayNeed tells whether one that comes may need what one that goes has. Many containers can write to one path; that it is had alone is
// likely where the one looks like the successor of the other.
func mayNeed(y *incoming, x *outgoing) bool {
	both := common(x.was, y.want)
	return slices.ContainsFunc(both, func(e exclusive) bool { return e.kind.coarse }) || len(both) > 0 && likeness(x, y) >= successorLikeness
}

// assign decides in whose place each comes: one for each first, then the others to the likeliest.
func (h *handover) assign() {
	taken := map[any]bool{}
	for round := 0; ; round++ {
		type likely struct {
			x *outgoing
			y *incoming
			n int
		}
		var all []likely
		for _, x := range h.from {
			for _, y := range h.to {
				if !taken[x] && !x.live.Pending && (round > 0 || !taken[y]) && (!mayOverlap(x, y) || h.overlapsAll(x)) {
					all = append(all, likely{x, y, likeness(x, y)})
				}
			}
		}
		if len(all) == 0 && round > 0 {
			return
		}
		slices.SortStableFunc(all, func(a, b likely) int { return b.n - a.n })
		for _, l := range all {
			if !taken[l.x] && (round > 0 || !taken[l.y]) {
				taken[l.x], taken[l.y] = true, true
				h.predecessors[l.y] = append(h.predecessors[l.y], l.x)
			}
		}
	}
}

// merge makes one of the handovers that need each other's containers in turn: no order of one after the other is there for these.
func (m *handoverMatch) merge() {
	of := map[spec.Addr]*handover{} // that stop before they start
	for _, h := range m.found {
		if slices.ContainsFunc(h.from, func(x *outgoing) bool { return !h.overlapsAll(x) }) {
			for _, y := range h.to {
				of[y.want.Addr] = h
			}
		}
	}
	merged := map[*handover]bool{}
	for _, h := range m.found {
		if merged[h] || len(h.to) < 2 || of[h.to[0].want.Addr] != h { // one alone closes no circle
			continue
		}
		after, needed := h.reached(of, m.referrers), h.reached(of, m.refersTo)
		for _, g := range m.found {
			if g != h && after[g] && needed[g] {
				h.merge(g)
				merged[g] = true
				for _, y := range g.to {
					of[y.want.Addr] = h
				}
			}
		}
	}
	m.found = slices.DeleteFunc(m.found, func(h *handover) bool { return merged[h] })
}

// reached gives the handovers to which h's containers lead, by what next says of each address. All that come in one of them wait for the
// same.
func (h *handover) reached(of map[spec.Addr]*handover, next map[spec.Addr][]spec.Addr) map[*handover]bool {
	out := map[*handover]bool{}
	reachable([]spec.Addr{h.to[0].want.Addr}, func(a spec.Addr) []spec.Addr {
		g := of[a]
		if g == nil || out[g] {
			return next[a]
		}
		out[g] = true
		return append(slices.Clip(next[a]), g.addresses()...)
	})
	return out
}

func (h *handover) addresses() []spec.Addr {
	var out []spec.Addr
	for _, y := range h.to {
		out = append(out, y.want.Addr)
	}
	return out
}

// merge adds what another handover has.
func (h *handover) merge(g *handover) {
	h.from, h.to = append(h.from, g.from...), append(h.to, g.to...)
	maps.Copy(h.predecessors, g.predecessors)
}

// reachable gives the addresses to which some lead, and these themselves.
func reachable(from []spec.Addr, next func(spec.Addr) []spec.Addr) map[spec.Addr]bool {
	seen := map[spec.Addr]bool{}
	for todo := from; len(todo) > 0; {
		a := todo[0]
		todo = todo[1:]
		if !seen[a] {
			seen[a] = true
			todo = append(slices.Clip(todo), next(a)...)
		}
	}
	return seen
}
