package planner

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// Values gives what references to the stack's resources give by what is on the host, for outputs after an apply.
func Values(want *spec.Config, have *State) map[spec.Addr]cty.Value {
	pb := newPlanBuilder(want, have, &Sources{}, Options{})
	pb.match()
	values := map[spec.Addr]cty.Value{}
	for a, r := range pb.blocks {
		if k := kindRow(a.Kind); k.value != nil {
			values[a] = k.value(pb, r, k.identity(pb, r))
		}
	}
	return values
}
