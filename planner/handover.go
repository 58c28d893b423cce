package planner

import (
	"maps"
	"slices"

	"github.com/fairlead-dev/fairlead/spec"
)

// handover is a set of containers that are removed and of ones that come, of which nobody can tell who needs what of whom: all that go
// are stopped, one after the other, before any of the others starts; and none is removed before all that come are ready.
type handover struct {
	from []*leaver
	to   []*comer
	of   map[*comer][]*leaver // who takes whose place: that runs again if its successor fails
}

// handovers finds who takes over from whom. Where the two are the same but for their address, that is clear, and the two are a
// handover of their own.
func (pb *planBuilder) handovers() []*handover {
	if len(pb.comers) == 0 || len(pb.leavers) == 0 {
		return nil
	}
	var out []*handover
	taken := map[any]bool{}
	lives := map[spec.Addr][]*leaver{} // an address can have several generations
	for _, x := range pb.leavers {
		lives[x.addr] = append(lives[x.addr], x)
	}
	pair := func(x *leaver, y *comer) {
		h := &handover{to: []*comer{y}, of: map[*comer][]*leaver{y: {x}}}
		for _, g := range lives[x.addr] {
			if !taken[g] {
				taken[g], h.from = true, append(h.from, g)
			}
		}
		taken[y] = true
		out = append(out, h)
	}
	match := func(key func(c *spec.Container) string) {
		by := map[string][]*leaver{}
		for _, x := range pb.leavers {
			if !taken[x] && !x.live.Pending {
				by[key(x.was)] = append(by[key(x.was)], x)
			}
		}
		for _, y := range pb.comers {
			k := key(y.want)
			if i := slices.IndexFunc(by[k], func(x *leaver) bool { return !taken[y] && (x.stop != nil || x.cut(y) && !beside(x, y)) }); i >= 0 {
				pair(by[k][i], y)
				by[k] = slices.Delete(by[k], i, i+1)
			}
		}
	}
	match(func(c *spec.Container) string { return c.Name })
	match(listensAs)
	return pb.merged(append(out, pb.restOf(taken)...))
}

// merged makes one of the handovers that need each other's containers in turn: no order of one after the other is there for these.
func (pb *planBuilder) merged(hs []*handover) []*handover {
	of := map[spec.Addr]*handover{} // that stop before they start
	for _, h := range hs {
		if slices.ContainsFunc(h.from, func(x *leaver) bool { return !h.besideAll(x) }) {
			for _, y := range h.to {
				of[y.want.Addr] = h
			}
		}
	}
	needs, neededBy := pb.references()
	gone := map[*handover]bool{}
	for _, h := range hs {
		if gone[h] || len(h.to) < 2 || of[h.to[0].want.Addr] != h { // one alone closes no circle
			continue
		}
		after := h.reached(of, neededBy)
		needed := h.reached(of, needs)
		for _, g := range hs {
			if g != h && after[g] && needed[g] {
				h.merge(g)
				gone[g] = true
				for _, y := range g.to {
					of[y.want.Addr] = h
				}
			}
		}
	}
	return slices.DeleteFunc(hs, func(h *handover) bool { return gone[h] })
}

// references gives what each resource needs, and who needs it.
func (pb *planBuilder) references() (needs, neededBy map[spec.Addr][]spec.Addr) {
	needs, neededBy = map[spec.Addr][]spec.Addr{}, map[spec.Addr][]spec.Addr{}
	for _, a := range pb.ordered {
		if r := pb.blocks[a]; r != nil {
			needs[a] = pb.refs(r)
			for _, b := range needs[a] {
				neededBy[b] = append(neededBy[b], a)
			}
		}
	}
	return needs, neededBy
}

// reached gives the handovers whose containers h's lead to, by what next says of each address; h is one of them.
func (h *handover) reached(of map[spec.Addr]*handover, next map[spec.Addr][]spec.Addr) map[*handover]bool {
	seen, out := map[spec.Addr]bool{}, map[*handover]bool{h: true}
	var visit func(a spec.Addr)
	visit = func(a spec.Addr) {
		if seen[a] {
			return
		}
		seen[a] = true
		if g := of[a]; g != nil {
			out[g] = true
			for _, y := range g.to { // which wait for the same
				visit(y.want.Addr)
			}
		}
		for _, b := range next[a] {
			visit(b)
		}
	}
	visit(h.to[0].want.Addr)
	return out
}

// restOf gives the handovers of those of which nobody can tell: one for all that hang together by what they need.
func (pb *planBuilder) restOf(taken map[any]bool) []*handover {
	groups := factGroups{of: map[exclusive]*handover{}}
	for _, y := range pb.comers {
		if !taken[y] && holds(y.want) {
			h := groups.join(y.want)
			h.to = append(h.to, y)
		}
	}
	for _, x := range pb.leavers {
		likes := func(y *comer) bool {
			return !taken[y] && (x.stop != nil || x.cut(y) && !x.live.Pending) && pb.mayNeed(y, x)
		}
		if !taken[x] && slices.ContainsFunc(pb.comers, likes) {
			h := groups.join(x.was)
			h.from = append(h.from, x)
		}
	}
	all := slices.DeleteFunc(groups.all, func(h *handover) bool { return len(h.from) == 0 || len(h.to) == 0 })
	for _, h := range all {
		h.assign(taken)
		for _, x := range h.from {
			taken[x] = true
		}
		for _, y := range h.to {
			taken[y] = true
		}
	}
	return all
}

// factGroups are the handovers of containers that hang together by the facts that they need.
type factGroups struct {
	of  map[exclusive]*handover
	all []*handover
}

// join gives the handover of all that need a fact which c needs besides its name: one, also where these were several until now.
func (s *factGroups) join(c *spec.Container) *handover {
	h := &handover{of: map[*comer][]*leaver{}}
	for _, f := range exclusives(c)[1:] {
		if g := s.of[f]; g != nil && g != h {
			h.merge(g)
			s.all = slices.DeleteFunc(s.all, func(x *handover) bool { return x == g })
			for k, v := range s.of {
				if v == g {
					s.of[k] = h
				}
			}
		}
		s.of[f] = h
	}
	s.all = append(s.all, h)
	return h
}

// mayNeed tells whether one that comes may need what one that goes has. Many containers can write to one path; that it is had alone is
// likely where the one looks like the successor of the other.
func (pb *planBuilder) mayNeed(y *comer, x *leaver) bool {
	fs := common(x.was, y.want)
	return slices.Contains(fs, onHostNetwork) || len(fs) > 0 && likeness(x, y) >= successorLikeness
}

// merge adds what another handover has.
func (h *handover) merge(g *handover) {
	h.from, h.to = append(h.from, g.from...), append(h.to, g.to...)
	maps.Copy(h.of, g.of)
}

// assign says who takes whose place.
func (h *handover) assign(taken map[any]bool) {
	for round := 0; ; round++ { // one for each first, then the others to the likeliest
		type likely struct {
			x *leaver
			y *comer
			n int
		}
		var all []likely
		for _, x := range h.from {
			if taken[x] || x.live.Pending {
				continue
			}
			for _, y := range h.to {
				if (round > 0 || !taken[y]) && (!beside(x, y) || h.besideAll(x)) {
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
				h.of[l.y] = append(h.of[l.y], l.x)
			}
		}
	}
}

// beside tells whether two run beside each other: the one that goes is stopped when the other one is there.
func beside(x *leaver, y *comer) bool { return len(shared(x.was, y.want)) == 0 }

func (h *handover) besideAll(x *leaver) bool {
	return !slices.ContainsFunc(h.to, func(y *comer) bool { return !beside(x, y) })
}
