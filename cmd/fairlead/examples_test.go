package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// TestExamplesPlan plans every example for an empty host, on which each image that it names can be had.
func TestExamplesPlan(t *testing.T) {
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
			have := &planner.State{Namespace: "default", Images: map[string]*planner.LiveImage{}, Sources: map[string]*planner.Source{}}
			have.Host = planner.Host{Platform: "linux/amd64", Runs: []string{"linux/amd64"}, Snapshotter: "overlayfs"}
			for _, i := range cfg.Images {
				have.Sources[planner.SourceKey(i)] = &planner.Source{Digest: "sha256:" + strings.Repeat("0", 64), Platforms: map[string]int64{"linux/amd64": 1 << 20}}
			}
			plan, diags := planner.Make(cfg, have, planner.Options{NewID: newID})
			if diags.HasErrors() {
				t.Fatal(diags.Error())
			}
			created := 0
			for _, s := range plan.Steps {
				if _, ok := s.Op.(*planner.CreateContainer); ok {
					created++
				}
			}
			if plan.Empty() || created != len(cfg.Containers) {
				t.Errorf("%d containers created of %d:\n%s", created, len(cfg.Containers), plan)
			}
		})
	}
}
