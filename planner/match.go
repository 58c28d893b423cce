package planner

import (
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// generations are the generations of one address that are there.
type generations struct {
	current  *LiveContainer   // the newest that was ready once
	pending  *LiveContainer   // the newest that never was; from an apply that did not end
	unneeded []*LiveContainer // the others, which nothing needs
	adopted  bool             // current is taken over, by an import block or from another key
}

// match says which of the live containers are this stack's, and whose generation each is.
func (pb *planBuilder) match() {
	sorted := append([]*LiveContainer{}, pb.have.Containers...)
	sort.Slice(sorted, func(i, j int) bool {
		a, b := sorted[i], sorted[j]
		if !a.CreatedAt.Equal(b.CreatedAt) {
			return a.CreatedAt.After(b.CreatedAt)
		}
		return a.ID < b.ID
	})
	for _, l := range sorted {
		l = pb.claimed(l)
		if l.Name != "" {
			pb.byName[l.Name] = append(pb.byName[l.Name], l)
		}
		if l.Image != "" {
			pb.byImage[l.Image] = append(pb.byImage[l.Image], l)
		}
		pb.noteOwned(l)
		if pb.ours(l.Owner) {
			pb.generationsOf(l.Owner.Addr).take(l)
		}
	}
	for _, name := range sortedKeys(pb.have.Images) {
		if rec := pb.have.Images[name]; pb.ours(rec.Owner) {
			pb.noteNames(rec)
			pb.owned[rec.Owner.Addr] = append(pb.owned[rec.Owner.Addr], rec)
		}
	}
}

func (pb *planBuilder) generationsOf(a spec.Addr) *generations {
	if pb.generations[a] == nil {
		pb.generations[a] = &generations{}
	}
	return pb.generations[a]
}

func (g *generations) take(l *LiveContainer) {
	switch {
	case l.Pending && g.pending == nil && l.OtherKey == nil:
		g.pending = l
	case !l.Pending && g.current == nil:
		g.current = l
	default:
		g.unneeded = append(g.unneeded, l)
	}
	g.adopted = g.current != nil && g.current.OtherKey != nil
}

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
		if im.To.Kind == spec.KindImage {
			pb.adoptImage(im)
		} else {
			pb.adoptContainer(im)
		}
	}
}

func (pb *planBuilder) adoptImage(im *spec.Import) {
	name := im.ID
	if n, err := spec.ParseReference(name); err == nil {
		name = n
	}
	rec := pb.have.Images[name]
	wanted := pb.blocks[im.To].(*spec.Image)
	switch {
	case rec == nil:
		pb.fail(fault(im.IDAt, "Nothing to import", "There is no image %q in namespace %s for %s. Its name is written as `ctr images ls` shows it. If it was never there, take the import block out.", familiar(name), pb.have.Namespace, im.To))
	case rec.Owner != nil && !pb.ours(rec.Owner):
		pb.fail(fault(im.IDAt, "Import of another stack's object", "The image %q is %s. Take it out of that stack's files first.", familiar(name), ownedBy(rec.Owner)))
	case name != wanted.Name && !slices.Contains(wanted.Tags, name):
		pb.fail(fault(im.IDAt, "Import under another name", "The image %q would have to be %q, which is the name that %s has. Set name = %q in that block.", familiar(name), familiar(wanted.Name), im.To, familiar(name)))
	default:
		pb.adopted[name] = im.To
	}
}

func (pb *planBuilder) adoptContainer(im *spec.Import) {
	l := pb.find(im.ID)
	g := pb.generationsOf(im.To)
	switch {
	case l == nil && g.current != nil:
		// marked by an earlier apply, and named anew or replaced since
	case l == nil:
		pb.fail(fault(im.IDAt, "Nothing to import", "There is no container with the ID or name %q in namespace %s for %s. If it was adopted and is gone since, take the import block out.", im.ID, pb.have.Namespace, im.To))
	case pb.ours(l.Owner) && l.Owner.Addr == im.To:
		// marked by an earlier apply
	case pb.ours(l.Owner):
		pb.fail(fault(im.IDAt, "Import of what is owned", "The container %s is this stack's already, as %s. Take the import block out.", nameOf(l), l.Owner.Addr))
	case l.Owner != nil:
		pb.fail(fault(im.IDAt, "Import of another stack's object", "The container %s is %s. Take it out of that stack's files first.", nameOf(l), ownedBy(l.Owner)))
	case g.current != nil:
		pb.fail(fault(im.IDAt, "Import of a second object", "%s is the container %s already, so it cannot be %s too. Take the import block out, or remove one of the two.", im.To, nameOf(g.current), nameOf(l)))
	case l.Spec == nil:
		pb.fail(fault(im.IDAt, "Import of what cannot be read", "The container %s has no OCI spec that fairlead can read, so it cannot be compared with %s. Remove it, and let fairlead make it anew.", nameOf(l), im.To))
	default:
		g.current, g.adopted = l, true
		pb.adopted[l.ID] = im.To
	}
}

// find gives the container with that ID, name, or beginning of an ID.
func (pb *planBuilder) find(id string) *LiveContainer {
	var found *LiveContainer
	for _, l := range pb.have.Containers {
		if l.ID == id {
			return l
		}
		if l.Name == id || len(id) >= 6 && strings.HasPrefix(l.ID, id) {
			if found != nil {
				return nil
			}
			found = l
		}
	}
	return found
}

// holders gives the IDs of the containers that have a name.
func (pb *planBuilder) holders(name string) []string {
	var out []string
	for _, l := range pb.byName[name] {
		out = append(out, l.ID)
	}
	return out
}

// sharesName gives somebody else's container that has the name of one that stays; nil if there is none.
func (pb *planBuilder) sharesName(c *spec.Container) *LiveContainer {
	for _, l := range pb.byName[c.Name] {
		if !pb.ours(l.Owner) && pb.adopted[l.ID].IsZero() {
			return l
		}
	}
	return nil
}

// nameShared warns of a container other that has the name of l, which stays.
func (pb *planBuilder) nameShared(l *LiveContainer, c *spec.Container, other *LiveContainer) *hcl.Diagnostic {
	d := fault(c.AttrAt("name"), "Two containers of one name", "%s is the container %s, and the container %s has that name too. It is %s. What goes by names, as nerdctl does, can take either: rename or remove that one.",
		c.Addr, nameOf(l), short(other.ID), ownedBy(other.Owner))
	d.Severity = hcl.DiagWarning
	return d
}

// nameTaken says who else has the name that a new container needs; nil if nobody who stays has it.
func (pb *planBuilder) nameTaken(c *spec.Container) *LiveContainer {
	for _, l := range pb.byName[c.Name] {
		if pb.adopted[l.ID] == c.Addr || pb.ours(l.Owner) && (l.Owner.Addr == c.Addr || pb.blocks[l.Owner.Addr] == nil && pb.scope.has(l.Owner.Addr)) {
			continue
		}
		return l
	}
	return nil
}
