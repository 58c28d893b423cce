package planner

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// createContainer creates a container, or carries on with one that an earlier apply created.
func (pb *planBuilder) createContainer(want *spec.Container, g *generations, img *decision) *decision {
	if pb.nameTaken(want, want.Name) {
		return g.asIs()
	}
	reasons := []string{"it is new"}
	if img.renewed != "" {
		reasons = append(reasons, img.renewed)
	}
	if g.pending != nil {
		if p := pb.compareLive(g.pending, want, img); canCarryOn(p) && !pb.replaceAsked(want.Addr) {
			w := pb.add(want.Addr, Update, "start", pb.declarationOf(want.Addr), "it was never ready")
			pb.discardAll(g.unneeded, want, "an earlier apply left it behind, and it is not needed")
			return pb.rollOut(w, p, g.unneeded, nil)
		}
	}
	pb.discardAll(g.leftovers(), want, "an earlier apply left it behind, and it is not what is wanted")
	w := pb.add(want.Addr, Create, "create", pb.declarationOf(want.Addr), reasons...)
	w.change.Diffs = initialDiffs(containerAttrs, want, pb.containerDefaults(), want.Marks)
	return pb.rollOut(w, &comparison{want: want, full: want}, g.leftovers(), nil)
}

// canCarryOn tells whether a pending container can be carried on with.
func canCarryOn(p *comparison) bool {
	if p.applied != p.full.State {
		return false // its record would say something else than the files
	}
	if len(p.live.Lacks) > 0 {
		return false // an earlier version made it, as new ones are not made any more, and maybe so that it can't start
	}
	for _, d := range p.diffs {
		if d.Cost > Free && d.Cost != Retask {
			return false
		}
	}
	return true
}

// replaceContainer replaces the current container by a new one, or by a pending one that can be carried on with.
func (pb *planBuilder) replaceContainer(cur *comparison, g *generations, img *decision) *decision {
	want := cur.full
	if pb.nameTaken(want, want.Name) {
		return g.asIs()
	}
	cur.dropState()
	w := &changeDraft{change: &Change{Addr: want.Addr, Action: Replace, Verb: "replace", Decl: pb.declarationOf(want.Addr), Diffs: cur.diffs, Reasons: cur.reasons}}
	if cur.adopt {
		note := "an import block adopts " + cur.live.title()
		if cur.live.OtherKey != nil {
			note = cur.whyAdopted()
		}
		w.change.Notes = append(w.change.Notes, note)
	}
	if g.pending != nil && !cur.forced {
		if p := pb.compareLive(g.pending, want, img); canCarryOn(p) {
			w.change.Notes = append(w.change.Notes, "carries on with "+short(g.pending.ID)+", which an earlier apply made")
			pb.discardAll(g.unneeded, want, "an earlier apply left it behind, and it is not needed")
			pb.changes = append(pb.changes, w)
			return pb.rollOut(w, p, g.unneeded, cur)
		}
	}
	pb.discardAll(g.leftovers(), want, "an earlier apply left it behind, and it is not what is wanted")
	pb.changes = append(pb.changes, w)
	return pb.rollOut(w, &comparison{want: want, full: want}, g.leftovers(), cur)
}

// dropState forgets how the process of a container that goes differs from what was asked for: its successor has one of its own.
func (p *comparison) dropState() {
	if p.applied != p.full.State {
		return
	}
	p.diffs = slices.DeleteFunc(p.diffs, func(d Diff) bool { return d.Cost == Retask })
	p.reasons = slices.DeleteFunc(p.reasons, func(r string) bool { return r == stateDiffers })
}

// protected tells whether a container must not go.
func (p *comparison) protected(c *spec.Container) bool {
	return p.live.Protected || c.Lifecycle.PreventDestroy
}

func (pb *planBuilder) protectedReplace(c *spec.Container, p *comparison) *hcl.Diagnostic {
	at := c.AttrAt("lifecycle")
	why := "it was asked for"
	if len(p.reasons) > 0 {
		why = p.reasons[0]
	}
	if i := slices.IndexFunc(p.diffs, func(d Diff) bool { return d.Cost == Recreate }); i >= 0 {
		at, why = c.AttrAt(attrOf(p.diffs[i].Path)), p.reasonOf(p.diffs[i])
	}
	if !c.Lifecycle.PreventDestroy {
		return fault(at, "Replacement is prevented", "%s would have to be replaced (%s), and the container on the host still has prevent_destroy = true from the last apply. Apply prevent_destroy = false alone first, then this change.", c.Addr, why)
	}
	return fault(at, "Replacement is prevented", "%s would have to be replaced (%s), and prevent_destroy = true forbids that. Take the change back; or set prevent_destroy = false, apply that alone, and then apply this change.", c.Addr, why)
}

// attrOf gives the attribute of a path.
func attrOf(path string) string {
	if i := strings.IndexAny(path, "[."); i >= 0 {
		return path[:i]
	}
	return path
}

// replaceAsked tells whether --replace names an address or its block.
func (pb *planBuilder) replaceAsked(a spec.Addr) bool {
	return pb.replaces[a] || pb.replaces[a.Block()]
}

// triggeredBy gives the first resource that an address names and this plan renews; "" where there is none.
func (pb *planBuilder) triggeredBy(a spec.Addr) string {
	hit := func(x spec.Addr) bool { return pb.decisionOf(x).renewed != "" }
	if hit(a) {
		return a.String()
	}
	if a.Key == "" {
		for _, x := range pb.instances(a) {
			if hit(x) {
				return x.String()
			}
		}
	}
	return ""
}

// instances gives the addresses of a block's instances, in order.
func (pb *planBuilder) instances(block spec.Addr) []spec.Addr {
	if pb.byBlock == nil {
		pb.byBlock = map[spec.Addr][]spec.Addr{}
		for _, a := range pb.ordered {
			if a.Key != "" {
				pb.byBlock[a.Block()] = append(pb.byBlock[a.Block()], a)
			}
		}
	}
	return pb.byBlock[block]
}
