package spec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOtherWords: what other tools' files say of a container is answered with what it is here, as an attribute and as a block; in other blocks it is not.
func TestOtherWords(t *testing.T) {
	for word, hint := range containerSchema.hints {
		for text, hinted := range map[string]bool{
			"container \"web\" {\n  image = \"nginx:1.27\"\n  network_mode = \"none\"\n  " + word + " = []\n}\n": true,
			"container \"web\" {\n  image = \"nginx:1.27\"\n  network_mode = \"none\"\n  " + word + " {}\n}\n":   true,
			"image \"web\" {\n  name = \"nginx:1.27\"\n  " + word + " = []\n}\n":                                 false,
		} {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "s.fairlead.hcl"), []byte("stack \"s\" {}\n"+text), 0o644); err != nil {
				t.Fatal(err)
			}
			_, diags := Load(dir, Inputs{})
			var all []string
			for _, d := range diags {
				all = append(all, d.Detail)
			}
			if got := strings.Join(all, "\n"); !strings.Contains(got, "not expected here") || strings.Contains(got, hint) != hinted {
				t.Errorf("%s: %s", text, got)
			}
		}
	}
}
