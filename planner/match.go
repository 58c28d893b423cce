package planner

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// match finds which of the live objects are this stack's.
func (pb *planBuilder) match() {
	for _, k := range resourceKinds {
		all := k.objects(pb.have)
		newestFirst(all)
		for i := range all {
			all[i] = pb.claimed(all[i])
			l := all[i].Header()
			if l.Name != "" {
				n := objectKey{l.Kind, l.Name}
				pb.byName[n] = append(pb.byName[n], l)
			}
			if pb.ours(l.Owner) {
				pb.owned[l.Owner.Addr] = append(pb.owned[l.Owner.Addr], all[i])
			}
		}
		if k.index != nil {
			k.index(pb, all)
		}
	}
}

// claimed gives an object as the plan treats it: one of this stack's by another key's mark is the stack's if the options say so. Else it is
// nobody's, and noted, so that no plan loses it without a word.
func (pb *planBuilder) claimed(o LiveObject) LiveObject {
	l := o.Header()
	if !pb.ours(l.OtherKey) {
		return o
	}
	if !pb.o.Adopt {
		pb.otherKey = append(pb.otherKey, l)
		return o
	}
	mine := o.clone()
	mine.Header().Owner = l.OtherKey
	return mine
}

// checkKeys says which objects are this stack's by the mark of another key, but for those that an import block adopts.
func (pb *planBuilder) checkKeys() {
	var names []string
	count := map[spec.Kind]int{}
	for _, l := range pb.otherKey {
		if _, ok := pb.adopted[l.key()]; !ok {
			names = append(names, l.title()+" as "+l.OtherKey.Addr.String())
			count[l.Kind]++
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	var counts []string
	for _, k := range resourceKinds {
		if n := count[k.kind]; n > 0 {
			counts = append(counts, Count(n, string(k.kind)))
		}
	}
	verb := "apply"
	if pb.o.Destroy {
		verb = "destroy"
	}
	pb.fail(fault(hcl.Range{}, "Marked by another key", "%s of stack %q here: %s. Their marks were not made with this host's key, which is in fairlead's data root, so nothing of them is touched. "+
		"If they were applied with another data root, give that with --data-root. If its key is lost, or they came from another machine, adopt them as they are: fairlead %s --adopt",
		strings.Join(counts, " and ")+isAre(len(names)), pb.want.Stack.Name, strings.Join(names, "; "), verb))
}

// ours tells whether an object is this stack's.
func (pb *planBuilder) ours(o *Owner) bool { return o != nil && o.Stack == pb.want.Stack.Name }

// currentOf gives the newest object of an address that was ready once; nil if there is none.
func (pb *planBuilder) currentOf(a spec.Addr) LiveObject {
	for _, o := range pb.owned[a] {
		if !o.Header().Pending {
			return o
		}
	}
	return nil
}

// failUnknown fails for each object of this plan of which nobody can tell what it does: nothing is decided on the strength of what isn't
// known.
func (pb *planBuilder) failUnknown() {
	for _, a := range pb.ownedAddrs {
		trouble := kindRow(a.Kind).trouble
		if trouble == nil || !pb.scope.has(a) {
			continue
		}
		for _, o := range pb.owned[a] {
			if why, unknown := trouble(o); unknown {
				pb.fail(unknownState(pb.declarationOf(a), a, o.Header(), why))
			}
		}
	}
}
