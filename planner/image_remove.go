package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairlead-dev/fairlead/spec"
)

// removeRecord untags a record that nothing wants any more, unless a container that stays needs it.
func (pb *planBuilder) removeRecord(rec *LiveImage) {
	if free, needs := pb.isUnused(rec); free {
		pb.untag(rec, needs)
	}
}

// isUnused tells whether no container needs a record once the given facts hold. It reports containers that stay and are not this stack's.
func (pb *planBuilder) isUnused(rec *LiveImage) (bool, []fact) {
	needs := make([]fact, 0, len(pb.byImage[rec.ID]))
	var stay []string
	free := true
	for _, l := range pb.byImage[rec.ID] {
		if f := pb.dispositions[l.ID]; f != nil && f.removed != nil {
			needs = append(needs, gone(l.ID))
			continue
		}
		if pb.relabelled(l, rec.ID) {
			needs = append(needs, relabeled(l.ID))
			continue
		}
		free = false
		switch {
		case pb.ours(l.OtherKey): // checkKeys has said whose it is
		case !pb.ours(l.Owner):
			by := "which no stack owns"
			if l.Owner != nil {
				by = fmt.Sprintf("which is of stack %q", l.Owner.Stack)
			}
			stay = append(stay, l.title()+", "+by)
		case pb.o.Destroy && !l.Protected: // else that has been said
			stay = append(stay, l.title()+", which is "+l.Owner.Addr.String()+" and stays")
		}
	}
	if len(stay) > 0 {
		slices.Sort(stay)
		remedy := "Remove that first, or keep the image in the files."
		if pb.o.Destroy {
			remedy = fmt.Sprintf("Remove that first, or leave the image out with --exclude %s.", rec.Owner.Addr)
		}
		pb.fail(fault(pb.rangeOf(rec.Owner.Addr, "name"), "Image in use", "The image %s would be untagged (%s), and it is what %s made from: %s. %s",
			familiar(rec.ID), pb.goneReason(), Count(len(stay), "container")+isAre(len(stay)), strings.Join(stay, "; "), remedy))
	}
	return free, needs
}

func isAre(n int) string {
	if n == 1 {
		return " is"
	}
	return " are"
}

// relabelled tells whether a step writes another image name than this into a container's record.
func (pb *planBuilder) relabelled(l *LiveContainer, name string) bool {
	now, ok := pb.relabels[l.ID]
	return ok && now != name
}

// untag adds the change that removes a record.
func (pb *planBuilder) untag(rec *LiveImage, needs []fact) {
	why := pb.goneReason()
	a := rec.Owner.Addr
	if r := spec.As[*spec.Image](pb.blocks[a]); r != nil && !pb.o.Destroy {
		why = a.String() + " is " + familiar(r.Name) + " now"
		if main := pb.have.Images[r.Name]; main != nil && main.Owner != nil && *main.Owner == *rec.Owner { // it has had that name before
			why = "it is no tag of " + a.String() + " any more"
		}
	} else if a.Name == rec.ID && !pb.o.Destroy {
		why = "no container uses it any more"
	}
	w := pb.add(a, Remove, "untag", nil, why)
	if pb.o.Destroy {
		w.change.Decl = pb.declarationOf(a)
	}
	w.change.Object = familiar(rec.ID)
	w.step(&UntagImage{Name: rec.ID}).need(needs...).touches(rec.touch())
	pb.moves[rec.ID] = &move{work: w}
}
