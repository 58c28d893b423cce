package planner

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// adopt makes the objects that import blocks name this stack's, as far as the plan goes.
func (pb *planBuilder) adopt() {
	for _, im := range pb.want.Imports {
		if pb.blocks[im.To] == nil {
			pb.fail(fault(im.IDAt, "Import into nothing", "There is no %s in the files to adopt %q. Write the block that describes it.", im.To, im.ID))
			continue
		}
		if !pb.scope.has(im.To) {
			continue
		}
		o, why := pb.adoptable(im)
		if why != nil {
			pb.fail(why)
		} else if o != nil {
			pb.adopted[o.Header().key()] = im.To
			pb.owned[im.To] = append(pb.owned[im.To], o)
		}
	}
}

// adoptable gives the object that an import block names, or why it can't be adopted; neither where an earlier apply adopted it.
func (pb *planBuilder) adoptable(im *spec.Import) (LiveObject, *hcl.Diagnostic) {
	k := kindRow(im.To.Kind)
	o := k.find(pb, im.ID)
	if o == nil {
		if pb.currentOf(im.To) != nil { // named anew or replaced since
			return nil, nil
		}
		return nil, fault(im.IDAt, "Nothing to import", k.missing, im.ID, pb.have.Namespace, im.To)
	}
	l := o.Header()
	switch {
	case pb.ours(l.Owner) && l.Owner.Addr == im.To:
		return nil, nil
	case l.Owner != nil && !pb.ours(l.Owner):
		return nil, fault(im.IDAt, "Import of another stack's object", "The %s is %s. Take it out of that stack's files first.", l.describe(), ownedBy(l.Owner))
	}
	return o, k.mayAdopt(pb, im, o)
}
