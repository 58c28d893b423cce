package planner

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// scope has the addresses that a plan is about.
type scope struct {
	targets  map[spec.Addr]bool // nil: all
	excludes map[spec.Addr]bool
}

func (s scope) has(a spec.Addr) bool {
	if s.excludes[a] || s.excludes[a.Block()] {
		return false
	}
	return s.targets == nil || s.targets[a] || s.targets[a.Block()]
}

// setScope sets what --target, --exclude and --replace name.
func (pb *planBuilder) setScope() {
	pb.replaces = pb.checkAddresses("--replace", pb.o.Replaces)
	for _, a := range pb.o.Replaces {
		if replaceable := kindRow(a.Kind).replaceable; replaceable == nil || !replaceable(pb.blocks[a]) {
			pb.fail(fault(hcl.Range{}, "Not to be replaced", "--replace %s: only containers and images that are built or imported are. A pulled or loaded image comes anew when its source does.", a))
		}
	}
	if len(pb.o.Targets) > 0 {
		pb.scope.targets = pb.checkAddresses("--target", pb.o.Targets)
		if !pb.o.Destroy {
			pb.withRefs(pb.scope.targets)
		}
	}
	pb.scope.excludes = pb.checkAddresses("--exclude", pb.o.Excludes)
	if pb.o.Destroy {
		pb.withLiveNeeds(pb.scope.excludes) // what stays needs them
	} else {
		pb.withReferrers(pb.scope.excludes)
	}
}

// checkAddresses gives the addresses that a flag names, and reports those that neither the files nor the host have.
func (pb *planBuilder) checkAddresses(flag string, as []spec.Addr) map[spec.Addr]bool {
	if len(as) == 0 {
		return nil
	}
	there := map[spec.Addr]bool{}
	for a := range pb.blocks {
		there[a], there[a.Block()] = true, true
	}
	for a := range pb.owned {
		there[a], there[a.Block()] = true, true
	}
	out := map[spec.Addr]bool{}
	for _, a := range as {
		if there[a] || pb.o.Again {
			out[a] = true
			continue
		}
		if pb.o.Destroy {
			d := fault(hcl.Range{}, "Unknown address", "%s %s: the host has nothing of this stack under that address.%s", flag, a, nearestAddr(a, there))
			if flag == "--target" { // it is gone already, as asked
				d.Severity = hcl.DiagWarning
				out[a] = true
			}
			pb.fail(d)
			continue
		}
		pb.fail(fault(hcl.Range{}, "Unknown address", "%s %s: neither the files nor the host have it.%s", flag, a, nearestAddr(a, there)))
	}
	return out
}

// nearestAddr is a sentence that suggests an address that is there: the block of an instance, or one that is written much alike.
func nearestAddr(a spec.Addr, there map[spec.Addr]bool) string {
	if there[a.Block()] {
		return fmt.Sprintf(" Did you mean %q?", a.Block())
	}
	return spec.DidYouMean(a.String(), addrTexts(there))
}

func addrTexts(m map[spec.Addr]bool) []string {
	out := make([]string, 0, len(m))
	for a := range m {
		out = append(out, a.String())
	}
	slices.Sort(out)
	return out
}

// refs gives the addresses that a resource needs.
func (pb *planBuilder) refs(r spec.Resource) []spec.Addr {
	if more := kindRow(r.Header().Addr.Kind).refs; more != nil {
		return append(slices.Clip(r.Header().References), more(pb, r)...)
	}
	return r.Header().References
}

// withRefs adds what the addresses in the set refer to, and so on.
func (pb *planBuilder) withRefs(in map[spec.Addr]bool) {
	for i := len(pb.ordered) - 1; i >= 0; i-- {
		a := pb.ordered[i]
		if r := pb.blocks[a]; r != nil && (in[a] || in[a.Block()]) {
			for _, to := range pb.refs(r) {
				in[to] = true
			}
		}
	}
}

// withLiveNeeds adds what the objects of the addresses in the set need, as the host tells it, and so on.
func (pb *planBuilder) withLiveNeeds(in map[spec.Addr]bool) {
	for more := len(in) > 0; more; {
		before := len(in)
		for a, objects := range pb.owned {
			if !in[a] && !in[a.Block()] {
				continue
			}
			for _, o := range objects {
				for _, to := range kindRow(a.Kind).needs(pb, o) {
					in[to] = true
				}
			}
		}
		more = len(in) > before
	}
}

// withReferrers adds what refers to the addresses in the set, and so on.
func (pb *planBuilder) withReferrers(in map[spec.Addr]bool) {
	if len(in) == 0 {
		return
	}
	for _, a := range pb.ordered {
		r := pb.blocks[a]
		if r == nil {
			continue
		}
		for _, to := range pb.refs(r) {
			if in[to] || in[to.Block()] {
				in[a] = true
			}
		}
	}
}
