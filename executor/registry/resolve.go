package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/fairlead-dev/fairlead/spec"
)

// maxDocument bounds a manifest, an index or a config.
const maxDocument = 8 << 20

// atOnce is how many requests of one Resolve are under way at the same time.
const atOnce = 6

// Resolved is what a reference stands for now.
type Resolved struct {
	Digest    string
	MediaType string
	Size      int64            // of the manifest or index itself
	Platforms map[string]int64 // normalised platform → bytes of its manifest, config and layers

	// Contents has the digests of each platform's manifest, config and layers; under "" those of all manifests that an index names.
	Contents map[string][]string
}

// Resolve asks the registry what ref stands for: the digest by a HEAD, then the manifests for platforms and sizes.
func Resolve(ctx context.Context, h *Hosts, ref string) (Resolved, error) {
	r := h.Resolver()
	top, err := resolveTop(ctx, r, ref)
	if err != nil {
		return Resolved{}, h.Explain(ref, err)
	}
	fetcher, err := r.Fetcher(ctx, ref)
	if err != nil {
		return Resolved{}, h.Explain(ref, err)
	}
	out := Resolved{Digest: top.Digest.String(), MediaType: top.MediaType, Size: top.Size, Platforms: map[string]int64{}, Contents: map[string][]string{}}
	if images.IsIndexType(top.MediaType) {
		err = out.readIndex(ctx, fetcher, top)
	} else {
		err = out.readManifest(ctx, fetcher, top)
	}
	if err != nil {
		return Resolved{}, h.Explain(ref, err)
	}
	return out, nil
}

// resolveTop gives what ref stands for, by a HEAD. A registry that takes the question and never answers is not waited for longer than
// silenceTimeout, all tries together.
func resolveTop(ctx context.Context, r remotes.Resolver, ref string) (top ocispec.Descriptor, err error) {
	ctx, cancel := context.WithTimeout(ctx, silenceTimeout)
	defer cancel()
	err = Retry(ctx, func() (err error) {
		_, top, err = r.Resolve(ctx, ref)
		return err
	})
	return top, err
}

func (r *Resolved) readIndex(ctx context.Context, f remotes.Fetcher, desc ocispec.Descriptor) error {
	var index ocispec.Index
	if err := Document(ctx, f, desc, &index); err != nil {
		return err
	}
	var mu sync.Mutex
	entries, err := r.entries(ctx, f, index.Manifests, 0) // before anything runs that writes to the same map
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	asked := map[string]bool{}
	for _, m := range entries {
		p, ok := spec.PlatformName(m.Platform)
		if !ok || asked[p] || !images.IsManifestType(m.MediaType) {
			continue
		}
		asked[p] = true // the first of a platform is the one that runs
		g.Go(func() error {
			var manifest ocispec.Manifest
			err := Document(ctx, f, m, &manifest)
			if errdefs.IsNotFound(err) {
				return nil // a copy of some of its platforms
			}
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			r.add(p, m, manifest)
			return nil
		})
	}
	return g.Wait()
}

// maxDepth bounds indexes in indexes.
const maxDepth = 4

// entries gives the entries of an index, and those of the indexes among them in their place.
func (r *Resolved) entries(ctx context.Context, f remotes.Fetcher, all []ocispec.Descriptor, depth int) ([]ocispec.Descriptor, error) {
	var out []ocispec.Descriptor
	for _, m := range all {
		r.Contents[""] = append(r.Contents[""], m.Digest.String())
		if !images.IsIndexType(m.MediaType) || depth == maxDepth {
			out = append(out, m)
			continue
		}
		var index ocispec.Index
		if err := Document(ctx, f, m, &index); errdefs.IsNotFound(err) {
			continue
		} else if err != nil {
			return nil, err
		}
		more, err := r.entries(ctx, f, index.Manifests, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

func (r *Resolved) readManifest(ctx context.Context, f remotes.Fetcher, desc ocispec.Descriptor) error {
	if !images.IsManifestType(desc.MediaType) {
		return fmt.Errorf("%s is of type %q, which is no image", desc.Digest, desc.MediaType)
	}
	var manifest ocispec.Manifest
	if err := Document(ctx, f, desc, &manifest); err != nil {
		return err
	}
	if !images.IsConfigType(manifest.Config.MediaType) {
		return nil // an artifact, not an image: it has no platform
	}
	var config ocispec.Image
	if err := Document(ctx, f, manifest.Config, &config); err != nil {
		return err
	}
	if p, ok := spec.PlatformName(&config.Platform); ok {
		r.add(p, desc, manifest)
	}
	return nil
}

func (r *Resolved) add(platform string, desc ocispec.Descriptor, m ocispec.Manifest) {
	r.Platforms[platform] = bytesOf(desc, m)
	all := []string{desc.Digest.String(), m.Config.Digest.String()}
	for _, l := range m.Layers {
		all = append(all, l.Digest.String())
	}
	r.Contents[platform] = all
}

// Document fetches a small JSON document, checks it against its digest, and reads it into v.
func Document(ctx context.Context, f remotes.Fetcher, desc ocispec.Descriptor, v any) error {
	var b []byte
	err := Retry(ctx, func() (err error) {
		b, err = fetchSmall(ctx, f, desc)
		return err
	})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s is no valid JSON: %w", desc.Digest, err)
	}
	return nil
}

func fetchSmall(ctx context.Context, f remotes.Fetcher, desc ocispec.Descriptor) ([]byte, error) {
	if err := desc.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("%q is no digest: %w", desc.Digest, err)
	}
	if desc.Size > maxDocument {
		return nil, fmt.Errorf("%s is a manifest of %d bytes: more than %d are not read", desc.Digest, desc.Size, maxDocument)
	}
	rc, err := Fetch(ctx, f, desc, nil)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	b, err := io.ReadAll(io.LimitReader(rc, maxDocument+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) < desc.Size {
		return nil, io.ErrUnexpectedEOF
	}
	if got := desc.Digest.Algorithm().FromBytes(b); got != desc.Digest {
		return nil, digestMismatch(desc.Digest, got)
	}
	return b, nil
}

func digestMismatch(want, got digest.Digest) error {
	return fmt.Errorf("%w: for %s it sends %s", ErrDigestMismatch, want, got)
}

func bytesOf(desc ocispec.Descriptor, m ocispec.Manifest) int64 {
	sum := desc.Size + m.Config.Size
	seen := map[digest.Digest]bool{}
	for _, l := range m.Layers {
		if !seen[l.Digest] {
			seen[l.Digest] = true
			sum += l.Size
		}
	}
	return sum
}
