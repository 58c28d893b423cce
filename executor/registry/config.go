package registry

import (
	"context"
	"fmt"
	"strings"

	"github.com/containerd/containerd/v2/core/images"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/spec"
)

// Config reads into v the config that an image, which ref names and dgst fixes, has for a platform.
func Config(ctx context.Context, h *Hosts, ref, dgst, platform string, v any) error {
	return h.Explain(ref, configOf(ctx, h, ref, dgst, platform, v))
}

func configOf(ctx context.Context, h *Hosts, ref, dgst, platform string, v any) error {
	repo, _, _ := strings.Cut(ref, "@")
	if i := strings.LastIndexByte(repo, ':'); i > strings.LastIndexByte(repo, '/') {
		repo = repo[:i]
	}
	r := h.Resolver()
	desc, err := resolveTop(ctx, r, repo+"@"+dgst)
	if err != nil {
		return err
	}
	fetcher, err := r.Fetcher(ctx, repo+"@"+dgst)
	if err != nil {
		return err
	}
	var doc struct {
		Config    ocispec.Descriptor
		Manifests []ocispec.Descriptor
	}
	if err := Document(ctx, fetcher, desc, &doc); err != nil {
		return err
	}
	entries, err := (&Resolved{Contents: map[string][]string{}}).entries(ctx, fetcher, doc.Manifests, 0)
	if err != nil {
		return err
	}
	for _, m := range entries {
		if p, ok := spec.PlatformName(m.Platform); ok && p == platform && images.IsManifestType(m.MediaType) {
			if err := Document(ctx, fetcher, m, &doc); err != nil {
				return err
			}
			break
		}
	}
	if doc.Config.Digest == "" {
		return fmt.Errorf("%s: it has no %s", ref, platform)
	}
	return Document(ctx, fetcher, doc.Config, v)
}
