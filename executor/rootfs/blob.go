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

// sink is the content store's end of a blob. It keeps its error, so that one of writing is told from one of reading however many
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

// writeBlob writes what fill gives as a blob, and gives its digest and size. Where that fails, nothing of it stays.
func writeBlob(ctx context.Context, store content.Store, fill func(*sink) error) (ocispec.Descriptor, error) {
	// Nobody else waits for this reference, or takes up what a killed import left of it. A cancelled context would end the daemon's
	// side at some time of its own, which then writes into what is being removed: it is fill that ends with ctx.
	ref, lasting := "fairlead-import-"+rand.Text(), context.WithoutCancel(ctx)
	cw, err := store.Writer(lasting, content.WithRef(ref))
	if err != nil {
		return ocispec.Descriptor{}, unwritable(err)
	}
	defer cw.Close()
	desc, err := fillBlob(lasting, cw, fill)
	if err != nil {
		_ = store.Abort(lasting, ref) // garbage collection has it later, if not now
	}
	return desc, err
}

func fillBlob(ctx context.Context, cw content.Writer, fill func(*sink) error) (ocispec.Descriptor, error) {
	buffered := bufio.NewWriterSize(cw, 1<<20) // each write is a message to the daemon
	s := &sink{to: buffered, hash: digest.Canonical.Hash()}
	err := fill(s)
	if s.err != nil {
		return ocispec.Descriptor{}, unwritable(s.err)
	}
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if err := buffered.Flush(); err != nil {
		return ocispec.Descriptor{}, unwritable(err)
	}
	dgst := digest.NewDigest(digest.Canonical, s.hash)
	if got := cw.Digest(); got != dgst {
		return ocispec.Descriptor{}, unwritable(fmt.Errorf("%s became %s on the way", dgst, got))
	}
	// With the digest, the daemon would say that it has the blob, and not put it under the lease of who writes it again.
	if err := cw.Commit(ctx, s.size, ""); err != nil && !errdefs.IsAlreadyExists(err) {
		return ocispec.Descriptor{}, unwritable(err)
	}
	return ocispec.Descriptor{Digest: dgst, Size: s.size}, nil
}

func unwritable(err error) error {
	return fmt.Errorf("content store: the image cannot be written: %w", err)
}
