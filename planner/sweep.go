package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// discardAll removes generations that nothing needs.
func (m *maker) discardAll(ls []*LiveContainer, c *spec.Container, why string) {
	for _, l := range ls {
		if m.fates[l.ID] == nil {
			w := m.add(c.Addr, Remove, "remove", m.decl(c.Addr), why)
			w.change.Old = l.ID
			m.discard(w, l)
		}
	}
}

// discard stops and removes a container that nothing takes the place of.
func (m *maker) discard(w *work, l *LiveContainer) {
	w.change.Object = nameOf(l)
	was := l.asSpec()
	name := orElse(l.Name, short(l.ID))
	f := m.fateOf(l)
	if mayRun(l, was) {
		f.leave = w.step(&StopTask{ID: l.ID, Name: name, Signal: was.StopSignal, Timeout: cmp.Or(was.StopTimeout, spec.DefaultStopTimeout)}).touches(touchContainer(l))
	}
	f.remove = w.step(&RemoveContainer{ID: l.ID, Name: name}, f.leave).touches(touchContainer(l))
	if f.leave == nil {
		f.leave = f.remove
	}
}

func (m *maker) fateOf(l *LiveContainer) *fate {
	if m.fates[l.ID] == nil {
		m.fates[l.ID] = &fate{}
	}
	return m.fates[l.ID]
}

// sweepContainers removes what this stack owns and nothing wants any more.
func (m *maker) sweepContainers() {
	gone := make([]spec.Addr, 0)
	for a := range m.lives {
		if (m.o.Destroy || m.blocks[a] == nil) && m.scope.has(a) {
			gone = append(gone, a)
		}
	}
	slices.SortFunc(gone, lessAddr)
	for _, a := range gone {
		g := m.lives[a]
		all := g.spare()
		if g.current != nil {
			all = append([]*LiveContainer{g.current}, all...)
		}
		for _, l := range all {
			if l.Protected && !l.Pending {
				m.fail(m.protectedRemoval(a, "container "+nameOf(l)))
				continue
			}
			w := m.add(a, Remove, "remove", m.decl(a), m.goneReason())
			m.discard(w, l)
			m.leaves(w, l)
		}
	}
	m.connectDependents()
}

func (m *maker) goneReason() string {
	if m.o.Destroy {
		return "the stack is destroyed"
	}
	return "it is not in the files any more"
}

func (m *maker) protectedRemoval(a spec.Addr, what string) *hcl.Diagnostic {
	if m.blocks[a] != nil || m.o.Destroy {
		return fault(m.at(a, "lifecycle"), "Removal is prevented", "The %s is %s, and prevent_destroy was true when it was last applied. Set prevent_destroy = false and apply that first.", what, a)
	}
	return fault(hcl.Range{}, "Removal is prevented", "The %s was %s, which is not in the files any more, and it has prevent_destroy = true from the last apply. Put the block back with prevent_destroy = false and apply that; then take the block out.", what, a)
}

// taker is a step that needs what its container has alone, which another container may still have.
type taker struct {
	step *draft
	want *spec.Container
}

func (m *maker) waitForFacts(d *draft, c *spec.Container) { m.takers = append(m.takers, taker{d, c}) }

// toldBy gives the slow steps after which all that a resource refers to is known: the digests of images, and which of two containers
// it is that has an address.
func (m *maker) toldBy(r spec.Resource) []*draft {
	var out []*draft
	for _, a := range m.refs(r) {
		if r := m.images[a]; r != nil {
			out = append(out, r.last...)
		}
		if r := m.containers[a]; r != nil && len(r.unless) > 0 {
			out = append(out, r.created)
		}
	}
	return out
}

// waitForNeeds lets a start wait until what the container refers to is ready.
func (m *maker) waitForNeeds(d *draft, c *spec.Container) {
	for _, a := range refs(c) {
		if r := m.containers[a]; r != nil {
			d.wait(r.ready...)
		}
	}
	if e := m.emulators[orElse(c.Platform, m.have.Host.Platform)]; e != nil {
		d.wait(e)
	}
}

func (m *maker) waitForDiscarded(d *draft, ls []*LiveContainer) {
	for _, l := range ls {
		if f := m.fates[l.ID]; f != nil {
			d.wait(f.remove)
		}
	}
}

// connectDependents lets a container go after those that depended on it, as they said when they were applied. What live
// objects say may go in a circle, after an apply that did not end; these edges give way then.
func (m *maker) connectDependents() {
	for _, a := range m.sortedLives() {
		g := m.lives[a]
		if g.current == nil || g.current.Spec == nil {
			continue
		}
		mine := m.fates[g.current.ID]
		for _, dep := range g.current.Spec.DependsOn {
			on := m.lives[dep]
			if dep == a || on == nil || on.current == nil {
				continue
			}
			its := m.fates[on.current.ID]
			switch {
			case its == nil || its.leave == nil:
			case mine != nil && mine.gone:
				its.leave.soft = append(its.leave.soft, mine.leave)
				if its.remove != nil && its.gone {
					its.remove.soft = append(its.remove.soft, mine.remove)
				}
			case its.gone && m.containers[a] != nil:
				its.leave.soft = append(its.leave.soft, m.containers[a].ready...)
			}
		}
	}
}

func (m *maker) sortedLives() []spec.Addr {
	out := make([]spec.Addr, 0, len(m.lives))
	for a := range m.lives {
		out = append(out, a)
	}
	slices.SortFunc(out, lessAddr)
	return out
}

// sweepImages untags the records that this stack owns and nothing wants any more.
func (m *maker) sweepImages() {
	for _, name := range sortedKeys(m.have.Images) {
		rec := m.have.Images[name]
		if !m.ours(rec.Owner) || m.records[name] || !m.scope.has(rec.Owner.Addr) {
			continue
		}
		if rec.Protected {
			m.fail(m.protectedRemoval(rec.Owner.Addr, "image "+familiar(name)))
			continue
		}
		if free, after := m.unused(rec); free {
			m.untag(rec, after)
		}
	}
}

// unused tells whether no container will need a record any more, and after which steps. Whoever isn't this stack's and needs it
// is named.
func (m *maker) unused(rec *LiveImage) (bool, []*draft) {
	var after []*draft
	var stay []string
	free := true
	for _, l := range m.byImage[rec.Name] {
		if f := m.fates[l.ID]; f != nil && f.remove != nil {
			after = append(after, f.remove)
			continue
		}
		if d := m.relabelled(l, rec.Name); d != nil {
			after = append(after, d)
			continue
		}
		free = false
		switch {
		case m.ours(l.OtherKey): // checkKeys has said whose it is
		case !m.ours(l.Owner):
			by := "which no stack owns"
			if l.Owner != nil {
				by = fmt.Sprintf("which is of stack %q", l.Owner.Stack)
			}
			stay = append(stay, nameOf(l)+", "+by)
		case m.o.Destroy && !l.Protected: // else that has been said
			stay = append(stay, nameOf(l)+", which is "+l.Owner.Addr.String()+" and stays")
		}
	}
	if len(stay) > 0 {
		slices.Sort(stay)
		remedy := "Remove that first, or keep the image in the files."
		if m.o.Destroy {
			remedy = fmt.Sprintf("Remove that first, or leave the image out with --exclude %s.", rec.Owner.Addr)
		}
		m.fail(fault(m.at(rec.Owner.Addr, "name"), "Image in use", "The image %s would be untagged (%s), and it is what %s made from: %s. %s",
			familiar(rec.Name), m.goneReason(), Count(len(stay), "container")+isAre(len(stay)), strings.Join(stay, "; "), remedy))
	}
	return free, after
}

func isAre(n int) string {
	if n == 1 {
		return " is"
	}
	return " are"
}

// relabelled gives the step that writes another image name into a container's record; nil if there is none.
func (m *maker) relabelled(l *LiveContainer, name string) *draft {
	d := m.relabels[l.ID]
	if d == nil || d.op.(*RelabelContainer).Want.Image.Name == name {
		return nil
	}
	return d
}

func (m *maker) untag(rec *LiveImage, after []*draft) {
	why := m.goneReason()
	a := rec.Owner.Addr
	if r, ok := m.blocks[a].(*spec.Image); ok && !m.o.Destroy {
		why = a.String() + " is " + familiar(r.Name) + " now"
		if main := m.have.Images[r.Name]; main != nil && main.Owner != nil && *main.Owner == *rec.Owner { // it has had that name before
			why = "it is no tag of " + a.String() + " any more"
		}
	} else if a.Name == rec.Name && !m.o.Destroy {
		why = "no container uses it any more"
	}
	w := m.add(a, Remove, "untag", nil, why)
	if m.o.Destroy {
		w.change.Decl = m.decl(a)
	}
	w.change.Object = familiar(rec.Name)
	w.step(&UntagImage{Name: rec.Name}, after...).touches(touchImage(rec))
	m.moves[rec.Name] = &move{work: w}
}
