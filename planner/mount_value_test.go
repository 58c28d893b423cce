package planner

import (
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// TestValueOfMounts: a plan's JSON says of a mount what such a mount can have, and no more.
func TestValueOfMounts(t *testing.T) {
	null, size := cty.NullVal(cty.String), cty.NumberIntVal(1<<20)
	for name, c := range map[string]struct {
		mount spec.Mount
		want  map[string]cty.Value
	}{
		"bind":  {spec.Mount{Target: "/data", Bind: "/srv"}, map[string]cty.Value{"read_only": cty.NullVal(cty.Bool), "bind": cty.StringVal("/srv"), "propagation": null}},
		"tmpfs": {spec.Mount{Target: "/data", Tmpfs: &spec.Tmpfs{Size: 1 << 20}}, map[string]cty.Value{"read_only": cty.NullVal(cty.Bool), "tmpfs": cty.ObjectVal(map[string]cty.Value{"size": size, "mode": null})}},
	} {
		if got, want := object(mountAttrs, &c.mount), cty.ObjectVal(c.want); !got.RawEquals(want) {
			t.Errorf("%s: %#v; want %#v", name, got, want)
		}
	}
}
