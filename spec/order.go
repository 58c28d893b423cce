package spec

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// orderNodes sorts the nodes so that each comes after what its expressions refer to, and says which go in circles.
func (e *evaluator) orderNodes() {
	e.sorted = SortByReference(e.source, func(n *node) (out []*node) {
		for _, r := range n.refs {
			out = append(out, e.nodes[r.to])
		}
		return out
	}, e.cycle)
}

// cycle says that the last node of a path refers to its first.
func (e *evaluator) cycle(path []*node) {
	names := make([]string, len(path))
	for i, n := range path {
		names[i] = n.name.String()
		n.bad = true
	}
	for _, r := range path[len(path)-1].refs {
		if r.to == path[0].name {
			r.wrong = true
			e.fail(cycleFault(r.at, names))
		}
	}
}

func cycleFault(at hcl.Range, names []string) *hcl.Diagnostic {
	if len(names) == 1 {
		return fault(at, "Cycle", "%s refers to itself, so it has no value to begin with. Take this reference out.", names[0])
	}
	return fault(at, "Cycle", "%s, which needs %s: none of them can come first. Take one of these references out.",
		names[0]+" needs "+strings.Join(names[1:], ", which needs "), names[0])
}

// orderResources puts the resources that a reference can lead to into their order, each after all that it refers to, and sorts the list of all.
func (e *evaluator) orderResources() {
	e.cfg.resources = map[Addr]Resource{}
	var all []Addr
	for _, k := range kinds {
		for _, r := range e.cfg.Resources {
			if a := r.Header().Addr; a.Kind == k.name {
				e.cfg.resources[a] = r
				if k.attributes != nil {
					all = append(all, a)
				}
			}
		}
	}
	e.cfg.Order = SortByReference(all, func(a Addr) []Addr { return e.cfg.resources[a].Header().References }, e.instanceCycle)
	slices.SortFunc(e.cfg.Resources, func(a, b Resource) int { return a.Header().Addr.Compare(b.Header().Addr) })
}

// instanceCycle says that the last instance of a path refers to its first, unless that has been said of their blocks.
func (e *evaluator) instanceCycle(path []Addr) {
	names := make([]string, len(path))
	for i, a := range path {
		names[i] = a.String()
	}
	first, last := path[0], path[len(path)-1]
	n := e.nodes[last.node()]
	if n == nil {
		return
	}
	at := n.at
	for _, r := range slices.Concat(n.refs, n.order) {
		if r.to == first.node() {
			if r.wrong {
				return
			}
			at = r.at
		}
	}
	e.fail(cycleFault(at, names))
}

// node is the name of the node whose instance has the address.
func (a Addr) node() name { return name{string(a.Kind), a.Name} }
