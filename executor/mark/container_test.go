package mark

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-dev/fairlead/executor/imageconfig"
	"github.com/fairlead-dev/fairlead/spec"
)

// TestImageLabels: an image can neither pass for fairlead nor break a container by a label that is too long for one.
func TestImageLabels(t *testing.T) {
	im := imageconfig.Config{Labels: map[string]string{"a": "b", "fairlead/owner": "x", "long": strings.Repeat("x", spec.MaxLabel)}}
	if d := cmp.Diff(map[string]string{"a": "b"}, ImageLabels(im)); d != "" {
		t.Error(d)
	}
}
