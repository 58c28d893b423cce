package planner

import (
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// A container whose image is made anew is replaced only if something else comes out. That is so where nothing but the new
// digests makes it differ; its steps are passed over then.

// makesOf gives the steps on whose results a container depends, by its image and by what it refers to.
func (m *maker) makesOf(c *spec.Container) []*draft {
	var out []*draft
	for _, a := range refs(c) {
		if r := m.images[a]; r != nil {
			out = append(out, r.makes...)
		}
		if r := m.containers[a]; r != nil {
			out = append(out, r.unless...)
		}
	}
	return distinct(out)
}

// unlessSame gives the steps without whose changes a container that is to be replaced would be left alone; none: it is replaced
// whatever they give.
func (m *maker) unlessSame(c *spec.Container, g *lives) []*draft {
	makes := m.makesOf(c)
	img := m.images[c.Image.Addr]
	if len(makes) == 0 || img.later && img.was == "" || len(g.spare()) > 0 || g.adopted {
		return nil
	}
	same := m.settleWith(c, m.before)
	if same == nil {
		return nil
	}
	want := normal(same.(*spec.Container), m.have.Host)
	want.Image.Digest = img.digest
	if img.later {
		want.Image.Digest = img.was
	}
	want.Image.Name = orElse(want.Image.Name, img.name)
	p := m.compared(g.current, want, img)
	if len(p.diffs) > 0 || !transition(g.current, want).none() || p.stale() || m.renamed(g.current, c) {
		return nil
	}
	if m.forced(c.Addr) {
		return nil
	}
	for _, a := range c.Lifecycle.ReplaceTriggeredBy {
		if m.triggered(a) != "" && !m.onlyMade(a) {
			return nil
		}
	}
	return makes
}

// onlyMade tells whether what an address names changes only if something that is made anew comes out differently.
func (m *maker) onlyMade(a spec.Addr) bool {
	all := []spec.Addr{a}
	if a.Key == "" {
		all = append(all, m.instances(a)...)
	}
	return !slices.ContainsFunc(all, func(x spec.Addr) bool {
		if r := m.images[x]; r != nil && r.fresh != "" {
			return !r.later || r.was == ""
		}
		if r := m.containers[x]; r != nil && (r.verb == "create" || r.verb == "replace") {
			return len(r.unless) == 0
		}
		return false
	})
}

// leaveAlone lets all steps of a change be passed over unless one of the given changes something.
func (m *maker) leaveAlone(w *work, unless []*draft) {
	for _, d := range w.steps {
		d.onlyIf = unless
		d.wait(unless...)
		if op, ok := d.op.(*CreateContainer); ok {
			op.Was = w.change.Old
		}
	}
	var from []string
	for _, d := range unless {
		from = append(from, d.work.change.Addr.String())
	}
	slices.Sort(from)
	w.change.Notes = append(w.change.Notes, "left alone if "+comeOut(slices.Compact(from))+" as before")
}

// comeOut puts what comes out into one clause.
func comeOut(names []string) string {
	if len(names) == 1 {
		return names[0] + " comes out"
	}
	out := names[0]
	for i, n := range names[1:] {
		sep := ", "
		if i == len(names)-2 {
			sep = " and "
		}
		out += sep + n
	}
	return out + " come out"
}

// settleWith evaluates a resource with other values for what it refers to; nil if that is wrong.
func (m *maker) settleWith(r spec.Resource, known map[spec.Addr]cty.Value) spec.Resource {
	was := m.blocks[r.Address()]
	if c, ok := was.(*spec.Container); ok && len(c.Marks.Unknown) == 0 {
		return c
	}
	out, diags := m.want.Settle(r.Address(), known, nil)
	if out == nil || diags.HasErrors() {
		return nil
	}
	return out
}
