package build

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/platforms"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/spec"
)

// resolved notes the images that BuildKit's frontend asks for.
type resolved struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (r *resolved) ResolveImageConfig(_ context.Context, ref string, o sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	p, _ := spec.PlatformName(o.ImageOpt.Platform)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[ref+" "+p] = true
	config := `{"architecture":"` + o.ImageOpt.Platform.Architecture + `","os":"linux","rootfs":{"type":"layers","diff_ids":["` + digestOf(nil) + `"]}}`
	return ref, digest.Digest(digestOf([]byte(ref))), []byte(config), nil
}

// resolvedByBuildKit are the images, each with a platform, that BuildKit's own frontend asks for.
func resolvedByBuildKit(t *testing.T, b *spec.Build, all []string) ([]string, error) {
	t.Helper()
	r := &resolved{seen: map[string]bool{}}
	for _, p := range all {
		target := platforms.MustParse(p)
		_, err := dockerfile2llb.Dockerfile2LLB(t.Context(), []byte(b.Inline), dockerfile2llb.ConvertOpt{
			Config:         dockerui.Config{BuildArgs: maps.Clone(b.Args), Target: b.Target, BuildPlatforms: []ocispec.Platform{platforms.MustParse(amd64)}},
			TargetPlatform: &target, MetaResolver: r,
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.Sorted(maps.Keys(r.seen)), nil
}

func flat(bases []Base) []string {
	var out []string
	for _, b := range bases {
		for _, p := range b.Platforms {
			if b.Use != useSyntax && b.Use != useArg { // asked for before the frontend runs
				out = append(out, b.Ref+" "+p)
			}
		}
	}
	slices.Sort(out)
	return out
}

// What BuildKit's frontend takes, Read takes, and finds the same images in it.
func agree(t *testing.T, b *spec.Build, all []string) {
	t.Helper()
	want, err := resolvedByBuildKit(t, b, all)
	if err != nil {
		return // it may complain of more than Read looks at
	}
	r, err := Read(t.Context(), b, Options{Host: amd64, Platforms: all})
	if err != nil && (strings.Contains(err.Error(), "--platform=") || strings.Contains(err.Error(), useSyntax)) {
		return // BuildKit takes any word for an architecture, and has looked for a syntax before
	}
	if err != nil {
		t.Fatalf("BuildKit takes this, and resolves %s: %v", strings.Join(want, ", "), err)
	}
	if diff := cmp.Diff(want, flat(r.Bases)); diff != "" && !r.Opaque {
		t.Errorf("images (-BuildKit +ours):\n%s", diff)
	}
}

func FuzzBasesAreThoseOfBuildKit(f *testing.F) {
	for _, tt := range stagesCases {
		if tt.build.Contexts == nil {
			f.Add(tt.text, tt.build.Target)
		}
	}
	f.Fuzz(func(t *testing.T, text, target string) {
		agree(t, &spec.Build{Inline: text, Target: target, Args: map[string]string{"V": "3.20"}}, []string{amd64, arm64})
	})
}
