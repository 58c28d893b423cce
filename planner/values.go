package planner

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// Values gives what references to the stack's resources give, from what is there: for outputs after an apply.
func Values(want *spec.Config, have *State) map[spec.Addr]cty.Value {
	pb := newPlanBuilder(want, have, &Sources{}, Options{})
	pb.match()
	for _, im := range want.Images {
		digest := ""
		if rec := have.Images[im.Name]; rec != nil {
			digest = rec.Digest
		}
		pb.known[im.Addr] = pb.imageValue(im, digest)
	}
	for _, c := range want.Containers {
		g := pb.generations[c.Addr]
		if g == nil {
			g = &generations{}
		}
		pb.known[c.Addr] = spec.ContainerValue(c.Name, g.asIs().id, c.Image.Name)
	}
	return pb.known
}

// NeedsBlobs tells whether a plan may take content away, so that State.Blobs is needed to say how much: it untags or moves a record
// of this stack.
func NeedsBlobs(want *spec.Config, have *State, sources *Sources, o Options) bool {
	wanted := map[string]string{}
	if !o.Destroy {
		for _, im := range want.Images {
			t, _ := targetOf(want, have, sources, im)
			for _, name := range append([]string{im.Name}, im.Tags...) {
				wanted[name] = t.digest
			}
		}
	}
	adopts := map[string]bool{}
	for _, im := range want.Imports {
		if ref, err := spec.ParseReference(im.ID); err == nil && im.To.Kind == spec.KindImage {
			adopts[ref] = true
		}
	}
	for name, rec := range have.Images {
		if !adopts[name] && (rec.Owner == nil || rec.Owner.Stack != want.Stack.Name) {
			continue
		}
		if digest, ok := wanted[name]; !ok || digest != "" && digest != rec.Digest {
			return true
		}
	}
	return false
}
