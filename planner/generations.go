package planner

import (
	"github.com/fairlead-dev/fairlead/spec"
)

// generations are the containers of one address that are there.
type generations struct {
	current  *LiveContainer   // the newest that was ready once
	pending  *LiveContainer   // the newest that never was; from an apply that did not end
	unneeded []*LiveContainer // the others, which nothing needs
	adopted  bool             // current is taken over, by an import block or from another key
}

func (pb *planBuilder) generationsOf(a spec.Addr) *generations {
	g := &generations{}
	for _, o := range pb.owned[a] {
		l := o.(*LiveContainer)
		_, adopted := pb.adopted[l.key()]
		switch {
		case adopted || !l.Pending && g.current == nil:
			g.current, g.adopted = l, adopted || l.OtherKey != nil
		case l.Pending && g.pending == nil && l.OtherKey == nil:
			g.pending = l
		default:
			g.unneeded = append(g.unneeded, l)
		}
	}
	return g
}

// leftovers are the generations beside the current one.
func (g *generations) leftovers() []*LiveContainer {
	if g.pending == nil {
		return g.unneeded
	}
	return append([]*LiveContainer{g.pending}, g.unneeded...)
}

// asIs is the decision on a container that the plan leaves alone.
func (g *generations) asIs() *decision {
	switch {
	case g.current != nil:
		return &decision{identity: g.current.ID}
	case g.pending != nil:
		return &decision{identity: g.pending.ID}
	}
	return &decision{}
}
