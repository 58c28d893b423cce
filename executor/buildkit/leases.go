package buildkit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/moby/buildkit/client"
)

// temporaryLabel marks the leases that BuildKit takes while it works, with the time when it did.
const temporaryLabel = "buildkit/lease.temporary"

// noLease is the name of no lease.
const noLease = "fairlead/none"

// releaseTimeout bounds the request that a builder let go of its leases.
const releaseTimeout = 10 * time.Second

// endLeases deletes the leases that the own buildkitd took while it worked, after its end. It lets some go in the background, and ends before
// that; and those by which it resolved an image it keeps on purpose, until they expire or its cache is pruned (imageutil.AddLease).
// What is older than its socket is another's.
func (b *Builder) endLeases(ctx context.Context) error {
	socket, err := os.Stat(filepath.Join(b.root(), otelName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("builder: its socket: %w", err)
	}
	held := b.o.Client.LeasesService()
	// containerd still carries out what the buildkitd asked for as it ended. It writes one thing after the other: this one, which deletes
	// nothing, comes after those.
	if err := held.Delete(ctx, leases.Lease{ID: noLease}); err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("builder: its leases: %w", err)
	}
	all, err := held.List(ctx)
	if err != nil {
		return fmt.Errorf("builder: its leases: %w", err)
	}
	var errs []error
	for _, l := range all {
		if took, err := takenSince(ctx, held, l, socket.ModTime()); err != nil {
			errs = append(errs, fmt.Errorf("builder: its lease %s: %w", l.ID, err))
			continue
		} else if !took {
			continue
		}
		if err := held.Delete(ctx, leases.Lease{ID: l.ID}); err != nil && !errdefs.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("builder: its lease %s: %w", l.ID, err))
		}
	}
	return errors.Join(errs...)
}

// takenSince tells whether a lease is one that BuildKit takes while it works, and is no older than start: one with its label, or the bare
// one that it makes and deletes so that containerd collects garbage (worker/containerd: GarbageCollectFunc), which keeps nothing and never expires.
func takenSince(ctx context.Context, held leases.Manager, l leases.Lease, start time.Time) (bool, error) {
	if taken, err := time.Parse(time.RFC3339Nano, l.Labels[temporaryLabel]); err == nil {
		return !taken.Before(start), nil
	}
	if len(l.Labels) > 0 || l.CreatedAt.Before(start) {
		return false, nil
	}
	keeps, err := held.ListResources(ctx, l)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	return err == nil && len(keeps) == 0, err
}

// release makes a builder that goes on let go of the leases by which it resolved images for us: a prune does that first, where no build
// runs, and this one frees nothing. One that doesn't lets them expire.
func (c *conn) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	_ = c.client.Prune(ctx, nil, client.WithFilter([]string{"id==none"}))
}
