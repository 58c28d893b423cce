package ctrd

import (
	"reflect"
	"testing"

	"github.com/fairlead-dev/fairlead/planner"
)

// TestEveryOpHasACall: whatever a plan can hold can be run.
func TestEveryOpHasACall(t *testing.T) {
	for _, row := range planner.OpRows() {
		if callsByOp[reflect.TypeOf(row.New())].run == nil {
			t.Errorf("%s has no call", row.Name)
		}
	}
	if len(callsByOp) != len(planner.OpRows()) {
		t.Errorf("%d calls for %d ops", len(callsByOp), len(planner.OpRows()))
	}
}

// TestEveryKindHasFingerprints: whatever a plan can touch is looked at again before it is touched.
func TestEveryKindHasFingerprints(t *testing.T) {
	for _, kind := range planner.LiveKinds() {
		if fingerprints[kind] == nil {
			t.Errorf("nothing tells whether a %s has changed since the plan was made", kind)
		}
	}
}
