package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// TestExamplesPlan plans every example for an empty host, on which each image that it names can be had, and nothing is emulated yet.
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
	if len(dirs) < 7 {
		t.Fatalf("%d examples found", len(dirs))
	}
	for dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			cfg, diags := spec.Load(dir, spec.Inputs{})
			if diags.HasErrors() {
				t.Fatal(diags.Error())
			}
			have := &planner.State{Namespace: "default", Images: map[string]*planner.LiveImage{}}
			sources := &planner.Sources{Images: map[string]*planner.Source{}}
			have.Host = planner.Host{Platform: "linux/amd64", Native: []string{"linux/amd64"}, Runs: []string{"linux/amd64"}, Snapshotter: "overlayfs", Emulators: map[string]planner.LiveEmulator{}}
			for _, arch := range []string{"arm64", "riscv64"} {
				have.Host.Emulators["linux/"+arch] = planner.LiveEmulator{Rule: "/usr/lib/binfmt.d/" + arch + ".conf"}
			}
			for _, i := range spec.Of[*spec.Image](cfg) {
				src := &planner.Source{Digest: "sha256:" + strings.Repeat("0", 64), Platforms: map[string]int64{"linux/amd64": 1 << 20}}
				if i.Build != nil || i.Rootfs != nil {
					src = &planner.Source{Inputs: planner.Inputs{{Kind: planner.InputFile, Name: "a"}}}
				}
				sources.Images[planner.SourceKey(i)] = src
			}
			plan, diags := planner.Make(cfg, have, sources, planner.Options{NewID: newID})
			if diags.HasErrors() {
				t.Fatal(diags.Error())
			}
			created, made, registered := 0, 0, 0
			for _, s := range plan.Steps {
				switch s.Op.(type) {
				case *planner.CreateContainer:
					created++
				case *planner.BuildImage, *planner.ImportImage:
					made++
				case *planner.RegisterEmulator:
					registered++
				}
			}
			if plan.Empty() || created != len(spec.Of[*spec.Container](cfg)) || made != countMade(cfg) || registered != len(foreign(cfg)) {
				t.Errorf("%d containers created, %d images made, %d emulators registered; of %d, %d and %d:\n%s",
					created, made, registered, len(spec.Of[*spec.Container](cfg)), countMade(cfg), len(foreign(cfg)), plan)
			}
		})
	}
}

// countMade counts the images that are built or imported.
func countMade(cfg *spec.Config) (n int) {
	for _, i := range spec.Of[*spec.Image](cfg) {
		if i.Build != nil || i.Rootfs != nil {
			n++
		}
	}
	return n
}

// foreign are the platforms of containers that a linux/amd64 host runs only under emulation.
func foreign(cfg *spec.Config) map[string]bool {
	out := map[string]bool{}
	for _, c := range spec.Of[*spec.Container](cfg) {
		if c.Platform != "" && c.Platform != "linux/amd64" {
			out[c.Platform] = true
		}
	}
	return out
}
