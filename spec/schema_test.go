package spec

import (
	"slices"
	"testing"
)

// The paths come from what the decoder reads by, so that an attribute of a nested block can't be forgotten where paths are compared with a table.
func TestAttributePaths(t *testing.T) {
	for kind, want := range map[Kind][]string{
		KindContainer: {"image", "mount.target", "mount.tmpfs.size", "security.seccomp", "update.strategy", "lifecycle.precondition.condition"},
		KindImage:     {"pull", "build.secret.env", "config.env"},
		KindEmulator:  {"persist"},
	} {
		got := AttributePaths(kind)
		for _, path := range want {
			if !slices.Contains(got, path) {
				t.Errorf("%s: no %s in %v", kind, path, got)
			}
		}
		for _, path := range []string{"for_each", "count", "mount", "mount.tmpfs", "build"} {
			if slices.Contains(got, path) {
				t.Errorf("%s: %s in %v", kind, path, got)
			}
		}
	}
}
