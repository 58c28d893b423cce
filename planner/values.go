package planner

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// Values gives what references to the stack's resources give, from what is there: for outputs after an apply.
func Values(want *spec.Config, have *State) map[spec.Addr]cty.Value {
	pb := newPlanBuilder(want, have, &Sources{}, Options{})
	pb.match()
	values := map[spec.Addr]cty.Value{}
	for a, r := range pb.blocks {
		k := kindRow(a.Kind)
		values[a] = k.value(pb, r, k.identity(pb, r))
	}
	return values
}

// NeedsBlobs tells whether a plan may take content away, so that State.Blobs is needed to say how much: it untags or moves a record
// of this stack.
func NeedsBlobs(want *spec.Config, have *State, sources *Sources, o Options) bool {
	wanted, blocks := map[string]string{}, map[spec.Addr]bool{}
	if !o.Destroy {
		for _, im := range want.Images {
			blocks[im.Addr] = true
			t, _ := targetOf(want, have, sources, im)
			for _, name := range append([]string{im.Name}, im.Tags...) {
				wanted[name] = t.digest
			}
		}
	}
	adopts := map[string]bool{}
	for _, im := range want.Imports {
		if blocks[im.To] {
			adopts[recordName(im.ID)] = true
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
