package image

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/archive"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/planner"
)

// Load imports an image from an archive or a layout: all of it that is complete there, whatever its platforms. It unpacks the platforms
// that are wanted, and writes the record last.
func (s *Store) Load(ctx context.Context, op *planner.LoadImage, report func(executor.Progress)) error {
	progress := newTransfer(report)
	progress.note("reading " + op.Path)
	a, err := archive.Open(ctx, op.Path)
	if err != nil {
		return err
	}
	found, err := a.Select(op.Name)
	if err != nil {
		return err
	}
	if found.Digest != op.Digest {
		return changed(op.Path)
	}
	wanted := s.platforms(op.Platforms)
	for _, p := range wanted {
		if _, ok := found.Platforms[p]; !ok {
			return registry.NoPlatform(op.Path, p, found.Platforms)
		}
	}
	if err := s.importBlobs(ctx, a, found, slices.Sorted(maps.Keys(found.Platforms)), progress); err != nil {
		return err
	}
	for _, p := range wanted {
		progress.note("unpacking " + p)
		if err := s.Unpack(ctx, op.Name, found.Target, p); err != nil {
			return err
		}
	}
	return s.SetRecord(ctx, op.Name, found.Target, op.Before, mark.Image{Owner: op.Owner, Protect: op.Protect, Platforms: found.Platforms, Source: a.Fingerprint})
}

func changed(path string) error {
	return fmt.Errorf("%s: the file changed since the plan was made. Plan again", path)
}

func (s *Store) importBlobs(ctx context.Context, a *archive.Archive, found archive.Found, all []string, progress *transfer) error {
	store := s.Client.ContentStore()
	for _, p := range all {
		progress.total += found.Platforms[p]
	}
	progress.total += found.Rest
	total := progress.total
	return a.Blobs(ctx, found, all, func(desc ocispec.Descriptor, r io.Reader) error {
		progress.expect(desc.Digest, 0, images.IsLayerType(desc.MediaType))
		progress.total = total
		if err := importBlob(ctx, store, desc, counted{r, progress, desc}); err != nil {
			if errdefs.IsFailedPrecondition(err) {
				return changed(a.Path)
			}
			return fmt.Errorf("%s: %s: %w", a.Path, desc.Digest, err)
		}
		progress.finish(desc.Digest, desc.Size)
		if images.IsIndexType(desc.MediaType) || images.IsManifestType(desc.MediaType) {
			return labelChildren(ctx, store, a, desc)
		}
		return nil
	})
}

// importBlob writes one blob.
func importBlob(ctx context.Context, store content.Store, desc ocispec.Descriptor, r io.Reader) error {
	ref := remotes.MakeRefKey(ctx, ocispec.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest})
	cw, err := openWriter(ctx, store, ref, desc)
	if errdefs.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer cw.Close()
	// The beginning that a killed load wrote is not written again: Copy passes over as much of the archive.
	if err := content.Copy(ctx, cw, r, desc.Size, desc.Digest); err != nil {
		if errdefs.IsFailedPrecondition(err) {
			_ = cw.Close()
			_ = abort(ctx, store, ref)
		}
		return err
	}
	return nil
}

// counted reports what is read of a blob.
type counted struct {
	io.Reader
	progress *transfer
	desc     ocispec.Descriptor
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.progress.mu.Lock()
	at := c.progress.at[c.desc.Digest] + int64(n)
	c.progress.mu.Unlock()
	c.progress.moved(c.desc.Digest, at)
	return n, err
}
