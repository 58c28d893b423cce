package planner

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

var containerKind = &resourceKind{
	kind:  spec.KindContainer,
	live:  func(s *State) []LiveObject { return liveObjects(slices.Values(s.Containers)) },
	short: short,
	index: (*planBuilder).indexContainers,
	needs: func(pb *planBuilder, o LiveObject) []spec.Addr { return pb.liveNeeds(o.(*LiveContainer)) },
	trouble: func(o LiveObject) (string, bool) {
		t := o.(*LiveContainer).Task
		return t.Trouble, t.Status == TaskUnknown
	},
	origins: true,

	rows: untyped(containerAttrs), notCompared: containersNotCompared,

	decide: func(pb *planBuilder, r spec.Resource) *decision { return pb.decideContainer(r.(*spec.Container)) },
	identity: func(pb *planBuilder, r spec.Resource) string {
		return pb.generationsOf(r.Header().Addr).asIs().identity
	},
	value: func(_ *planBuilder, r spec.Resource, id string) cty.Value {
		c := r.(*spec.Container)
		return spec.ContainerValue(c.Name, id, c.Image.Name)
	},
	replaceable: func(spec.Resource) bool { return true },
	remove:      func(pb *planBuilder, o LiveObject) { pb.removeContainer(o.(*LiveContainer)) },

	find:     findContainer,
	mayAdopt: (*planBuilder).mayAdoptContainer,
	missing:  "There is no container with the ID or name %q in namespace %s for %s. If it was adopted and is gone since, take the import block out.",
}

// indexContainers notes which containers need which image records, and which image names a container had from a record that was the
// stack's own.
func (pb *planBuilder) indexContainers(all []LiveObject) {
	for _, o := range all {
		l := o.(*LiveContainer)
		if l.Image != "" {
			pb.byImage[l.Image] = append(pb.byImage[l.Image], l)
		}
		pb.noteOwnNames(l)
	}
	for _, c := range spec.Of[*spec.Container](pb.want) {
		pb.containersOf[c.Image.Addr] = append(pb.containersOf[c.Image.Addr], c)
	}
}

// liveNeeds gives what a container depends on, and its image, where that is this stack's.
func (pb *planBuilder) liveNeeds(l *LiveContainer) []spec.Addr {
	out := slices.Clone(l.asSpec().DependsOn)
	if rec := pb.have.Images[l.Image]; rec != nil && pb.ours(rec.Owner) {
		out = append(out, rec.Owner.Addr)
	}
	return out
}

// findContainer gives the container with that ID, name, or beginning of an ID.
func findContainer(pb *planBuilder, id string) LiveObject {
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
	if found == nil {
		return nil
	}
	return found
}

func (pb *planBuilder) mayAdoptContainer(im *spec.Import, o LiveObject) *hcl.Diagnostic {
	l := o.(*LiveContainer)
	current := pb.currentOf(im.To)
	switch {
	case pb.ours(l.Owner):
		return fault(im.IDAt, "Import of what is owned", "The container %s is this stack's already, as %s. Take the import block out.", l.title(), l.Owner.Addr)
	case current != nil:
		return fault(im.IDAt, "Import of a second object", "%s is the container %s already, so it cannot be %s too. Take the import block out, or remove one of the two.", im.To, current.Header().title(), l.title())
	case l.Spec == nil:
		return fault(im.IDAt, "Import of what cannot be read", "The container %s has no OCI spec that fairlead can read, so it cannot be compared with %s. Remove it, and let fairlead make it anew.", l.title(), im.To)
	}
	return nil
}

// imageRecord names the record that a container was created from.
func (l *LiveContainer) imageRecord() string { return l.Image }
