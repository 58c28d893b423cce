package planner

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// removeOrphans removes what this stack owns and nothing wants any more.
func (pb *planBuilder) removeOrphans() {
	for _, k := range resourceKinds {
		for _, a := range pb.ownedAddrs {
			if a.Kind != k.kind || !pb.scope.has(a) {
				continue
			}
			for _, o := range pb.owned[a] {
				l := o.Header()
				switch {
				case k.orphan != nil && !k.orphan(pb, o), k.orphan == nil && !pb.o.Destroy && pb.blocks[a] != nil:
				case l.Protected && !l.Pending:
					pb.fail(pb.protectedRemoval(a, l))
				default:
					k.remove(pb, o)
				}
			}
		}
	}
}

func (pb *planBuilder) goneReason() string {
	if pb.o.Destroy {
		return "the stack is destroyed"
	}
	return "it is not in the files any more"
}

func (pb *planBuilder) protectedRemoval(a spec.Addr, l *Live) *hcl.Diagnostic {
	if pb.blocks[a] != nil || pb.o.Destroy {
		return fault(pb.rangeOf(a, "lifecycle"), "Removal is prevented", "The %s is %s, and prevent_destroy was true when it was last applied. Set prevent_destroy = false and apply that first.", l.describe(), a)
	}
	return fault(hcl.Range{}, "Removal is prevented", "The %s was %s, which is not in the files any more, and it has prevent_destroy = true from the last apply. Put the block back with prevent_destroy = false and apply that; then take the block out.", l.describe(), a)
}

// connectDependents lets an object go after those that needed it when they were last applied. After an apply that did not end, objects may need each
// other in a circle: such needs give way.
func (pb *planBuilder) connectDependents() {
	if len(pb.dispositions) == 0 {
		return
	}
	for _, a := range pb.ownedAddrs {
		o := pb.currentOf(a)
		if o == nil {
			continue
		}
		id := o.Header().ID
		mine := pb.dispositions[id]
		for _, needed := range kindRow(a.Kind).needs(pb, o) {
			on := pb.currentOf(needed)
			if needed == a || on == nil {
				continue
			}
			its := pb.dispositions[on.Header().ID]
			switch {
			case its == nil || its.stopped == nil:
			case mine != nil && mine.gone:
				its.stopped.prefer(stopped(id))
				if its.removed != nil && its.gone {
					its.removed.prefer(gone(id))
				}
			case its.gone && pb.decisions[a] != nil:
				its.stopped.prefer(ready(a))
			}
		}
	}
}
