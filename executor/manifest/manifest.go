// Package manifest reads manifests, indexes and configs of images from whatever holds content: a content store, or an archive.
package manifest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/spec"
)

// MaxBytes bounds the manifests and indexes that are read into memory.
const MaxBytes = 8 << 20

// Store is the part of a content store that only reads.
type Store interface {
	content.Provider
	content.InfoProvider
}

// Complete tells which platforms of target are there with all of their content, and how many bytes each has.
func Complete(ctx context.Context, view Store, target ocispec.Descriptor) (map[string]int64, error) {
	out := map[string]int64{}
	manifests, err := List(ctx, view, target)
	if errdefs.IsNotFound(err) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	for _, p := range slices.Sorted(maps.Keys(manifests)) {
		sum, missing, err := weigh(ctx, view, manifests[p])
		if err != nil {
			return nil, err
		}
		if missing == "" {
			out[p] = sum
		}
	}
	return out, nil
}

// List gives the manifest of each platform that target names; the first, where there are two of one.
func List(ctx context.Context, view content.Provider, target ocispec.Descriptor) (map[string]ocispec.Descriptor, error) {
	out := map[string]ocispec.Descriptor{}
	children, err := Children(ctx, view, target)
	if err != nil {
		return nil, err
	}
	if images.IsIndexType(target.MediaType) {
		return out, gatherManifests(ctx, view, children, out, 0)
	}
	if !images.IsManifestType(target.MediaType) || len(children) == 0 || !images.IsConfigType(children[0].MediaType) {
		return nil, fmt.Errorf("%s is of type %q, which is no image to run", target.Digest, target.MediaType)
	}
	config, err := images.ConfigPlatform(ctx, view, children[0])
	if err != nil {
		return nil, err
	}
	if p, ok := spec.PlatformName(&config); ok {
		out[p] = target
	}
	return out, nil
}

// MaxDepth bounds indexes in indexes.
const MaxDepth = 4

// gatherManifests notes the platforms of an index's entries, and of the indexes among these that are there.
func gatherManifests(ctx context.Context, view content.Provider, entries []ocispec.Descriptor, out map[string]ocispec.Descriptor, depth int) error {
	for _, e := range entries {
		p, ok := spec.PlatformName(e.Platform)
		if _, again := out[p]; ok && !again && images.IsManifestType(e.MediaType) {
			out[p] = e
		}
		if !images.IsIndexType(e.MediaType) || depth == MaxDepth {
			continue
		}
		children, err := Children(ctx, view, e)
		if errdefs.IsNotFound(err) {
			continue
		}
		if err == nil {
			err = gatherManifests(ctx, view, children, out, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Children gives what a manifest or an index names.
func Children(ctx context.Context, view content.Provider, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	if desc.Size > MaxBytes {
		return nil, fmt.Errorf("%s is a manifest of %d bytes: more than %d are not read", desc.Digest, desc.Size, MaxBytes)
	}
	return images.Children(ctx, view, desc)
}

// weigh sums a manifest's content, and names the first blob that isn't there.
func weigh(ctx context.Context, view Store, manifest ocispec.Descriptor) (sum int64, missing string, err error) {
	children, err := Children(ctx, view, manifest)
	if errdefs.IsNotFound(err) {
		return 0, manifest.Digest.String(), nil
	}
	if err != nil {
		return 0, "", err
	}
	sum = manifest.Size
	seen := map[string]bool{}
	for _, c := range children {
		d := c.Digest.String()
		if seen[d] {
			continue
		}
		seen[d] = true
		info, err := view.Info(ctx, c.Digest)
		if errdefs.IsNotFound(err) {
			return 0, d, nil
		}
		if err != nil {
			return 0, "", err
		}
		sum += info.Size
	}
	return sum, "", nil
}

// Find gives the descriptor of a manifest or an index that is there; its media type is the one that it has itself.
func Find(ctx context.Context, store Store, dgst digest.Digest) (ocispec.Descriptor, bool) {
	info, err := store.Info(ctx, dgst)
	if err != nil || info.Size > MaxBytes {
		return ocispec.Descriptor{}, false
	}
	desc := ocispec.Descriptor{Digest: dgst, Size: info.Size}
	b, err := content.ReadBlob(ctx, store, desc)
	if err != nil {
		return ocispec.Descriptor{}, false
	}
	var doc struct {
		MediaType string
		Config    *ocispec.Descriptor
		Manifests []ocispec.Descriptor
	}
	if json.Unmarshal(b, &doc) != nil {
		return ocispec.Descriptor{}, false
	}
	switch desc.MediaType = doc.MediaType; {
	case desc.MediaType != "":
	case doc.Manifests != nil:
		desc.MediaType = ocispec.MediaTypeImageIndex
	case doc.Config != nil:
		desc.MediaType = ocispec.MediaTypeImageManifest
	}
	return desc, images.IsIndexType(desc.MediaType) || images.IsManifestType(desc.MediaType)
}
