package planner

import (
	"testing"

	"github.com/fairlead-dev/fairlead/spec"
)

// TestEveryKindHasARow: what the code over headers and decisions takes for granted of a row is there.
func TestEveryKindHasARow(t *testing.T) {
	for _, kind := range spec.Kinds() {
		k := kindRow(kind)
		for what, ok := range map[string]bool{
			"decides":                   k.decide != nil,
			"tells what is there":       k.value == nil || k.identity != nil,
			"tells what objects need":   k.live == nil || k.needs != nil,
			"removes":                   k.live == nil || k.remove != nil,
			"adopts what a block names": k.value == nil || k.live != nil && k.find != nil && k.mayAdopt != nil && k.missing != "",
		} {
			if !ok {
				t.Errorf("%s: its row is not one that %s", kind, what)
			}
		}
	}
}
