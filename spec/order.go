package spec

import (
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// order sorts the nodes so that each comes after what its expressions refer to, and says which go in circles.
func (e *evaluator) order() {
	const (
		unseen = iota
		open
		done
	)
	state := map[*node]int{}
	var path []*node
	var visit func(n *node)
	visit = func(n *node) {
		state[n] = open
		path = append(path, n)
		for _, r := range n.refs {
			to := e.nodes[r.to]
			if to == nil {
				continue
			}
			switch state[to] {
			case unseen:
				visit(to)
			case open:
				e.cycle(path, to, r)
			}
		}
		path = path[:len(path)-1]
		state[n] = done
		e.sorted = append(e.sorted, n)
	}
	for _, n := range e.source {
		if state[n] == unseen {
			visit(n)
		}
	}
}

// cycle says that the end of the path refers to one that is on it.
func (e *evaluator) cycle(path []*node, to *node, r *ref) {
	i := len(path) - 1
	for i > 0 && path[i] != to {
		i--
	}
	names := make([]string, 0, len(path)-i)
	for _, n := range path[i:] {
		names = append(names, n.name.String())
		n.bad = true
	}
	r.wrong = true
	e.fail(circle(r.at, names))
}

func circle(at hcl.Range, names []string) *hcl.Diagnostic {
	if len(names) == 1 {
		return fault(at, "Cycle", "%s refers to itself, so it has no value to begin with. Take this reference out.", names[0])
	}
	return fault(at, "Cycle", "%s, which needs %s: none of them can come first. Take one of these references out.",
		names[0]+" needs "+strings.Join(names[1:], ", which needs "), names[0])
}

// finish puts every image and container into its order, each after what it needs, and sorts the lists.
func (e *evaluator) finish() {
	byAddr := map[Addr]Resource{}
	var all []Addr
	for _, im := range e.cfg.Images {
		byAddr[im.Addr] = im
		all = append(all, im.Addr)
	}
	for _, n := range e.source {
		for _, i := range n.instances {
			if c, ok := i.resource.(*Container); ok {
				e.cfg.Containers = append(e.cfg.Containers, c)
				byAddr[c.Addr] = c
				all = append(all, c.Addr)
			}
		}
	}
	sort.Slice(e.cfg.Images, func(i, j int) bool { return less(e.cfg.Images[i].Addr, e.cfg.Images[j].Addr) })
	sort.Slice(e.cfg.Containers, func(i, j int) bool { return less(e.cfg.Containers[i].Addr, e.cfg.Containers[j].Addr) })
	e.cfg.resources = byAddr

	state := map[Addr]int{}
	var path []Addr
	var visit func(a Addr)
	visit = func(a Addr) {
		state[a] = 1
		path = append(path, a)
		for _, to := range byAddr[a].Refs() {
			if byAddr[to] == nil {
				continue
			}
			switch state[to] {
			case 0:
				visit(to)
			case 1:
				e.instanceCycle(path, to)
			}
		}
		path = path[:len(path)-1]
		state[a] = 2
		e.cfg.Order = append(e.cfg.Order, a)
	}
	for _, a := range all {
		if state[a] == 0 {
			visit(a)
		}
	}
}

func (e *evaluator) instanceCycle(path []Addr, to Addr) {
	i := len(path) - 1
	for i > 0 && path[i] != to {
		i--
	}
	names := make([]string, 0, len(path)-i)
	for _, a := range path[i:] {
		names = append(names, a.String())
	}
	last := path[len(path)-1]
	n := e.nodes[name{string(last.Kind), last.Name}]
	if n == nil {
		return
	}
	at := n.at
	for _, r := range append(append([]*ref{}, n.refs...), n.later...) {
		if r.to == (name{string(to.Kind), to.Name}) {
			if r.wrong {
				return // part of a cycle that has been said
			}
			at = r.at
		}
	}
	e.fail(circle(at, names))
}

// less orders addresses as people read them: numbers by value.
func less(a, b Addr) bool {
	if a.Kind != b.Kind {
		return a.Kind < b.Kind
	}
	if a.Name != b.Name {
		return a.Name < b.Name
	}
	if len(a.Key) != len(b.Key) && !strings.HasPrefix(a.Key, `"`) && !strings.HasPrefix(b.Key, `"`) {
		return len(a.Key) < len(b.Key)
	}
	return a.Key < b.Key
}
