package image

import (
	"context"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/executor/manifest"
)

// attestedDigest is the annotation by which an entry of an index says of which manifest it tells something: provenance, or an SBOM.
const attestedDigest = "vnd.docker.reference.digest"

// entries brings the indexes below target, and gives all entries that are no indexes.
func (p *pull) entries(ctx context.Context, target ocispec.Descriptor, depth int) ([]ocispec.Descriptor, error) {
	if !images.IsIndexType(target.MediaType) || depth > manifest.MaxDepth {
		return nil, nil
	}
	children, err := manifest.Children(ctx, p.store, target)
	if err != nil {
		return nil, err
	}
	var out []ocispec.Descriptor
	for _, c := range children {
		if !images.IsIndexType(c.MediaType) {
			out = append(out, c)
			continue
		}
		if err := p.fetchManifest(ctx, c); errdefs.IsNotFound(err) {
			continue // a copy of some of its platforms
		} else if err != nil {
			return nil, err
		}
		more, err := p.entries(ctx, c, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// fetchRest brings the entries that no platform is chosen by: those that attest to a manifest that was brought, and with all, every other
// one, so that the image is whole and can be pushed. Entries that the registry doesn't have itself are left out.
func (p *pull) fetchRest(ctx context.Context, entries []ocispec.Descriptor, brought map[digest.Digest]bool, all bool) error {
	for _, e := range entries {
		attests := brought[digest.Digest(e.Annotations[attestedDigest])]
		if brought[e.Digest] || !attests && !all {
			continue
		}
		if err := p.fetchEntry(ctx, e); err != nil && !errdefs.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// fetchEntry brings an entry with all that it names.
func (p *pull) fetchEntry(ctx context.Context, desc ocispec.Descriptor) error {
	if !images.IsManifestType(desc.MediaType) {
		return p.fetchLayers(ctx, []ocispec.Descriptor{desc})
	}
	if err := p.fetchManifest(ctx, desc); err != nil {
		return err
	}
	children, err := manifest.Children(ctx, p.store, desc)
	if err != nil {
		return err
	}
	return p.fetchLayers(ctx, children)
}

// fetchAll brings all that target names and that isn't here.
func (p *pull) fetchAll(ctx context.Context, target ocispec.Descriptor) error {
	if err := p.fetchManifest(ctx, target); err != nil {
		return err
	}
	if !images.IsIndexType(target.MediaType) {
		return p.fetchEntry(ctx, target)
	}
	entries, err := p.entries(ctx, target, 0)
	if err != nil {
		return err
	}
	return p.fetchRest(ctx, entries, nil, true)
}
