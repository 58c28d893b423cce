package planner

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// removeOrphans removes what this stack owns and nothing wants any more.
func (pb *planBuilder) removeOrphans() {
	addrs := pb.ownedAddresses()
	for _, k := range resourceKinds {
		for _, a := range addrs {
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
