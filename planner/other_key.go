package planner

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// claimed gives a container as the plan treats it: one of this stack's by another key's mark is the stack's if the options say so. Else it is
// nobody's, and noted, so that no plan loses it without a word.
func (pb *planBuilder) claimed(l *LiveContainer) *LiveContainer {
	if !pb.ours(l.OtherKey) {
		return l
	}
	if !pb.o.Adopt {
		pb.otherKey = append(pb.otherKey, l)
		return l
	}
	mine := *l
	mine.Owner = l.OtherKey
	return &mine
}

// checkKeys says which containers are this stack's by the mark of another key, but for those that an import block adopts.
func (pb *planBuilder) checkKeys() {
	var names []string
	for _, l := range pb.otherKey {
		if pb.adopted[l.ID].IsZero() {
			names = append(names, nameOf(l)+" as "+l.OtherKey.Addr.String())
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	verb := "apply"
	if pb.o.Destroy {
		verb = "destroy"
	}
	pb.fail(fault(hcl.Range{}, "Marked by another key", "%s of stack %q here: %s. Their marks were not made with this host's key, which is in fairlead's data root, so nothing of them is touched. "+
		"If they were applied with another data root, give that with --data-root. If its key is lost, or they came from another machine, adopt them as they are: fairlead %s --adopt",
		Count(len(names), "container")+isAre(len(names)), pb.want.Stack.Name, strings.Join(names, "; "), verb))
}
