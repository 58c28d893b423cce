package ctrd

import (
	"context"
	"fmt"
	"sort"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/spec"
)

// maxDocument bounds the manifests and indexes that are read into memory.
const maxDocument = 8 << 20

// contentView is the part of a content store that only reads.
type contentView interface {
	content.Provider
	content.InfoProvider
}

// wholePlatforms tells which platforms of target are there with all of their content, and how many bytes each has.
func wholePlatforms(ctx context.Context, view contentView, target ocispec.Descriptor) (map[string]int64, error) {
	out := map[string]int64{}
	manifests, err := manifestsOf(ctx, view, target)
	if errdefs.IsNotFound(err) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	for _, p := range sortedManifests(manifests) {
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

// manifestsOf gives the manifest of each platform that target names; the first, where there are two of one.
func manifestsOf(ctx context.Context, view content.Provider, target ocispec.Descriptor) (map[string]ocispec.Descriptor, error) {
	out := map[string]ocispec.Descriptor{}
	children, err := childrenOf(ctx, view, target)
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

// maxDepth bounds indexes in indexes.
const maxDepth = 4

// gatherManifests notes the platforms of an index's entries, and of the indexes among these that are there.
func gatherManifests(ctx context.Context, view content.Provider, entries []ocispec.Descriptor, out map[string]ocispec.Descriptor, depth int) error {
	for _, e := range entries {
		p, ok := spec.PlatformName(e.Platform)
		if _, again := out[p]; ok && !again && images.IsManifestType(e.MediaType) {
			out[p] = e
		}
		if !images.IsIndexType(e.MediaType) || depth == maxDepth {
			continue
		}
		children, err := childrenOf(ctx, view, e)
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

func childrenOf(ctx context.Context, view content.Provider, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	if desc.Size > maxDocument {
		return nil, fmt.Errorf("%s is a manifest of %d bytes: more than %d are not read", desc.Digest, desc.Size, maxDocument)
	}
	return images.Children(ctx, view, desc)
}

// weigh sums a manifest's content, and names the first blob that isn't there.
func weigh(ctx context.Context, view contentView, manifest ocispec.Descriptor) (sum int64, missing string, err error) {
	children, err := childrenOf(ctx, view, manifest)
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

func sortedManifests(m map[string]ocispec.Descriptor) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func sortedSizes(m map[string]int64) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
