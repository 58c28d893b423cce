package planner

import (
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// holders gives the IDs of the objects of a kind that have a name.
func (pb *planBuilder) holders(k spec.Kind, name string) []string {
	var out []string
	for _, l := range pb.byName[objectKey{k, name}] {
		out = append(out, l.ID)
	}
	return out
}

// sharesName gives somebody else's object that has the name of one that stays; nil if there is none.
func (pb *planBuilder) sharesName(k spec.Kind, name string) *Live {
	for _, l := range pb.byName[objectKey{k, name}] {
		if _, adopted := pb.adopted[l.key()]; !adopted && !pb.ours(l.Owner) {
			return l
		}
	}
	return nil
}

// nameShared warns of an object other that has the name of l, which stays.
func nameShared(r spec.Resource, l, other *Live) *hcl.Diagnostic {
	d := fault(r.Header().AttrAt("name"), "Two "+string(l.Kind)+"s of one name", "%s is the %s, and the %s %s has that name too. It is %s. What goes by names, as nerdctl does, can take either: rename or remove that one.",
		r.Header().Addr, l.describe(), l.Kind, kindRow(l.Kind).shortID(other.ID), ownedBy(other.Owner))
	d.Severity = hcl.DiagWarning
	return d
}

// nameTaken tells whether somebody who stays has the name that a new object needs, and says so.
func (pb *planBuilder) nameTaken(r spec.Resource, name string) bool {
	a := r.Header().Addr
	for _, l := range pb.byName[objectKey{a.Kind, name}] {
		if pb.adopted[l.key()] == a || pb.ours(l.Owner) && (l.Owner.Addr == a || pb.blocks[l.Owner.Addr] == nil && pb.scope.has(l.Owner.Addr)) {
			continue
		}
		if !pb.ours(l.OtherKey) { // else checkKeys has said whose it is
			pb.fail(nameHeld(r, name, l))
		}
		return true
	}
	return false
}

func nameHeld(r spec.Resource, name string, l *Live) *hcl.Diagnostic {
	id := kindRow(l.Kind).shortID(l.ID)
	hint := "Rename or remove it, or adopt it:" + importBlock(r.Header().Addr, id)
	if l.Owner != nil {
		hint = "Rename this block, or take that one out of its stack's files."
	}
	return fault(r.Header().AttrAt("name"), capital(string(l.Kind))+" name taken", "%s is to be named %s, and the %s %s has that name. It is %s. %s", r.Header().Addr, name, l.Kind, id, ownedBy(l.Owner), hint)
}

func capital(word string) string { return strings.ToUpper(word[:1]) + word[1:] }
