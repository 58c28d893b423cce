package planner

import (
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// lives are the generations of one address that are there.
type lives struct {
	current *LiveContainer   // the newest that was ready once
	pending *LiveContainer   // the newest that never was; from an apply that did not end
	rest    []*LiveContainer // the others, which nothing needs
	adopted bool             // current is taken over, by an import block or from another key
}

// match says which of the live containers are this stack's, and whose generation each is.
func (m *maker) match() {
	sorted := append([]*LiveContainer{}, m.have.Containers...)
	sort.Slice(sorted, func(i, j int) bool {
		a, b := sorted[i], sorted[j]
		if !a.CreatedAt.Equal(b.CreatedAt) {
			return a.CreatedAt.After(b.CreatedAt)
		}
		return a.ID < b.ID
	})
	for _, l := range sorted {
		l = m.claimed(l)
		if l.Name != "" {
			m.byName[l.Name] = append(m.byName[l.Name], l)
		}
		if l.Image != "" {
			m.byImage[l.Image] = append(m.byImage[l.Image], l)
		}
		m.noteOwned(l)
		if m.ours(l.Owner) {
			m.live(l.Owner.Addr).take(l)
		}
	}
	for _, name := range sortedKeys(m.have.Images) {
		if rec := m.have.Images[name]; m.ours(rec.Owner) {
			m.noteNames(rec)
			m.owned[rec.Owner.Addr] = append(m.owned[rec.Owner.Addr], rec)
		}
	}
}

func (m *maker) live(a spec.Addr) *lives {
	if m.lives[a] == nil {
		m.lives[a] = &lives{}
	}
	return m.lives[a]
}

func (g *lives) take(l *LiveContainer) {
	switch {
	case l.Pending && g.pending == nil && l.OtherKey == nil:
		g.pending = l
	case !l.Pending && g.current == nil:
		g.current = l
	default:
		g.rest = append(g.rest, l)
	}
	g.adopted = g.current != nil && g.current.OtherKey != nil
}

// adopt makes the objects that import blocks name this stack's, as far as the plan goes.
func (m *maker) adopt() {
	for _, im := range m.want.Imports {
		if m.blocks[im.To] == nil {
			m.fail(fault(im.IDAt, "Import into nothing", "There is no %s in the files to adopt %q. Write the block that describes it.", im.To, im.ID))
			continue
		}
		if !m.scope.has(im.To) {
			continue
		}
		if im.To.Kind == spec.KindImage {
			m.adoptImage(im)
		} else {
			m.adoptContainer(im)
		}
	}
}

func (m *maker) adoptImage(im *spec.Import) {
	name := im.ID
	if n, err := spec.ParseReference(name); err == nil {
		name = n
	}
	rec := m.have.Images[name]
	wanted := m.blocks[im.To].(*spec.Image)
	switch {
	case rec == nil:
		m.fail(fault(im.IDAt, "Nothing to import", "There is no image %q in namespace %s for %s. Its name is written as `ctr images ls` shows it. If it was never there, take the import block out.", familiar(name), m.have.Namespace, im.To))
	case rec.Owner != nil && !m.ours(rec.Owner):
		m.fail(fault(im.IDAt, "Import of another stack's object", "The image %q is %s. Take it out of that stack's files first.", familiar(name), ownedBy(rec.Owner)))
	case name != wanted.Name && !slices.Contains(wanted.Tags, name):
		m.fail(fault(im.IDAt, "Import under another name", "The image %q would have to be %q, which is the name that %s has. Set name = %q in that block.", familiar(name), familiar(wanted.Name), im.To, familiar(name)))
	default:
		m.adopted[name] = im.To
	}
}

func (m *maker) adoptContainer(im *spec.Import) {
	l := m.find(im.ID)
	g := m.live(im.To)
	switch {
	case l == nil && g.current != nil:
		// adopted by an earlier apply, and named anew or replaced since
	case l == nil:
		m.fail(fault(im.IDAt, "Nothing to import", "There is no container with the ID or name %q in namespace %s for %s. If it was adopted and is gone since, take the import block out.", im.ID, m.have.Namespace, im.To))
	case m.ours(l.Owner) && l.Owner.Addr == im.To:
		// adopted by an earlier apply
	case m.ours(l.Owner):
		m.fail(fault(im.IDAt, "Import of what is owned", "The container %s is this stack's already, as %s. Take the import block out.", nameOf(l), l.Owner.Addr))
	case l.Owner != nil:
		m.fail(fault(im.IDAt, "Import of another stack's object", "The container %s is %s. Take it out of that stack's files first.", nameOf(l), ownedBy(l.Owner)))
	case g.current != nil:
		m.fail(fault(im.IDAt, "Import of a second object", "%s is the container %s already, so it cannot be %s too. Take the import block out, or remove one of the two.", im.To, nameOf(g.current), nameOf(l)))
	case l.Spec == nil:
		m.fail(fault(im.IDAt, "Import of what cannot be read", "The container %s has no OCI spec that fairlead can read, so it cannot be compared with %s. Remove it, and let fairlead make it anew.", nameOf(l), im.To))
	default:
		g.current, g.adopted = l, true
		m.adopted[l.ID] = im.To
	}
}

// find gives the container with that ID, name, or beginning of an ID.
func (m *maker) find(id string) *LiveContainer {
	var found *LiveContainer
	for _, l := range m.have.Containers {
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
func (m *maker) holders(name string) []string {
	var out []string
	for _, l := range m.byName[name] {
		out = append(out, l.ID)
	}
	return out
}

// sharesName gives somebody else's container that has the name of one that stays; nil if there is none.
func (m *maker) sharesName(c *spec.Container) *LiveContainer {
	for _, l := range m.byName[c.Name] {
		if !m.ours(l.Owner) && m.adopted[l.ID].IsZero() {
			return l
		}
	}
	return nil
}

// nameShared warns of a container other that has the name of l, which stays.
func (m *maker) nameShared(l *LiveContainer, c *spec.Container, other *LiveContainer) *hcl.Diagnostic {
	d := fault(c.AttrAt("name"), "Two containers of one name", "%s is the container %s, and the container %s has that name too. It is %s. What goes by names, as nerdctl does, can take either: rename or remove that one.",
		c.Addr, nameOf(l), short(other.ID), ownedBy(other.Owner))
	d.Severity = hcl.DiagWarning
	return d
}

// nameTaken says who else has the name that a new container needs; nil if nobody who stays has it.
func (m *maker) nameTaken(c *spec.Container) *LiveContainer {
	for _, l := range m.byName[c.Name] {
		if m.adopted[l.ID] == c.Addr || m.ours(l.Owner) && (l.Owner.Addr == c.Addr || m.blocks[l.Owner.Addr] == nil && m.scope.has(l.Owner.Addr)) {
			continue
		}
		return l
	}
	return nil
}
