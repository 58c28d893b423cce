package buildkit

import (
	"context"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// leasedStore is containerd's content store in one namespace and under one lease, whatever the context of a call says: calls that
// come over the session bring the builder's own.
type leasedStore struct {
	store     content.Store
	namespace string
	lease     string
}

func (s leasedStore) inLease(ctx context.Context) context.Context {
	return leases.WithLease(namespaces.WithNamespace(ctx, s.namespace), s.lease)
}

// Info implements content.Store, as do the others.
func (s leasedStore) Info(ctx context.Context, d digest.Digest) (content.Info, error) {
	return s.store.Info(s.inLease(ctx), d)
}

// Update changes labels.
func (s leasedStore) Update(ctx context.Context, i content.Info, fields ...string) (content.Info, error) {
	return s.store.Update(s.inLease(ctx), i, fields...)
}

// Walk lists blobs.
func (s leasedStore) Walk(ctx context.Context, f content.WalkFunc, filters ...string) error {
	return s.store.Walk(s.inLease(ctx), f, filters...)
}

// Delete removes a blob.
func (s leasedStore) Delete(ctx context.Context, d digest.Digest) error {
	return s.store.Delete(s.inLease(ctx), d)
}

// ReaderAt reads a blob.
func (s leasedStore) ReaderAt(ctx context.Context, d ocispec.Descriptor) (content.ReaderAt, error) {
	return s.store.ReaderAt(s.inLease(ctx), d)
}

// Status tells how far an ingest is.
func (s leasedStore) Status(ctx context.Context, ref string) (content.Status, error) {
	return s.store.Status(s.inLease(ctx), ref)
}

// ListStatuses lists ingests.
func (s leasedStore) ListStatuses(ctx context.Context, filters ...string) ([]content.Status, error) {
	return s.store.ListStatuses(s.inLease(ctx), filters...)
}

// Abort ends an ingest.
func (s leasedStore) Abort(ctx context.Context, ref string) error {
	return s.store.Abort(s.inLease(ctx), ref)
}

// Writer begins an ingest.
func (s leasedStore) Writer(ctx context.Context, opts ...content.WriterOpt) (content.Writer, error) {
	return s.store.Writer(s.inLease(ctx), opts...)
}
