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
