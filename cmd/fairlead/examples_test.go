package main

import (
	"path/filepath"
	"testing"

	"github.com/fairlead-dev/fairlead/spec"
)

// TestExamplesLoad reads every example as `fairlead validate` does.
func TestExamplesLoad(t *testing.T) {
	dirs := map[string]bool{}
	for _, pattern := range []string{"../../examples/*/*.fairlead.hcl", "../../examples/*/*/*.fairlead.hcl"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			dirs[filepath.Dir(f)] = true
		}
	}
	if len(dirs) < 5 {
		t.Fatalf("%d examples found", len(dirs))
	}
	for dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			cfg, diags := spec.Load(dir, spec.Inputs{})
			if diags.HasErrors() {
				t.Fatal(diags.Error())
			}
			if len(cfg.Images)+len(cfg.Containers) == 0 {
				t.Fatal("it asks for nothing")
			}
		})
	}
}
