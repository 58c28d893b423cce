package rootfs

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"hash"
	"io"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// packed is what a layer's bytes mean.
type packed struct {
	mediaType string
	diffID    digest.Digest // of the tar, not compressed
}

// layer is one in the content store.
type layer struct {
	ocispec.Descriptor
	diffID digest.Digest
}

// sink is the content store's end of a layer. It keeps its error, so that one of writing is told from one of reading however many
// readers and writers lie between.
type sink struct {
	to   io.Writer
	hash hash.Hash
	size int64
	err  error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.to.Write(p)
	s.hash.Write(p[:n])
	s.size += int64(n)
	if err != nil && s.err == nil {
		s.err = err
	}
	return n, err
}

// writeLayer writes what fill gives as a blob. Where that fails, nothing of it stays.
func writeLayer(ctx context.Context, store content.Store, fill func(*sink) (packed, error)) (layer, error) {
	ref := "fairlead-import-" + rand.Text() // nobody else waits for it, or takes up what a killed import left of it
	cw, err := content.OpenWriter(ctx, store, content.WithRef(ref))
	if err != nil {
		return layer{}, fmt.Errorf("content store: a layer cannot be written: %w", err)
	}
	defer cw.Close()
	l, err := fillLayer(ctx, cw, fill)
	if err != nil {
		_ = cw.Close()
		_ = store.Abort(context.WithoutCancel(ctx), ref) // garbage collection has it later, if not now
		return layer{}, err
	}
	return l, nil
}

func fillLayer(ctx context.Context, cw content.Writer, fill func(*sink) (packed, error)) (layer, error) {
	buffered := bufio.NewWriterSize(cw, 1<<20) // each write is a message to the daemon
	s := &sink{to: buffered, hash: digest.Canonical.Hash()}
	p, err := fill(s)
	if s.err == nil && err == nil {
		s.err = buffered.Flush()
	}
	dgst := digest.NewDigest(digest.Canonical, s.hash)
	if s.err == nil && err == nil {
		s.err = cw.Commit(ctx, s.size, dgst)
	}
	switch {
	case ctx.Err() != nil: // which ends the connection too, in whatever words
		return layer{}, ctx.Err()
	case s.err != nil && !errdefs.IsAlreadyExists(s.err):
		return layer{}, fmt.Errorf("content store: a layer cannot be written: %w", s.err)
	case err != nil:
		return layer{}, err
	}
	return layer{ocispec.Descriptor{MediaType: p.mediaType, Digest: dgst, Size: s.size}, p.diffID}, nil
}
