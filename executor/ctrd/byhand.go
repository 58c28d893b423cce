package ctrd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/fairlead-dev/fairlead/executor/machine"
)

// labelByHand marks the lease of a run by hand, whose ID is the name of its lock.
const labelByHand = "fairlead/by-hand"

// ByHand is Begin for steps that no stack asks for: they run under a lease of their own, and side by side with any other run. It
// clears what killed ones left. The function that it gives ends the lease: what nothing refers to is gone when it returns.
func (w *Writer) ByHand(ctx context.Context) (context.Context, func(context.Context) error, error) {
	ctx = w.in(ctx)
	id := "fairlead-" + randomHex(16)
	l, err := machine.WaitLockFile(ctx, w.paths.HandLock(id))
	if err != nil {
		return nil, nil, fmt.Errorf("lock of a run by hand: %w", err)
	}
	if err := w.beginHand(ctx, id); err != nil {
		l.Release()
		return nil, nil, w.gone("beginning", err)
	}
	end := func(ctx context.Context) error {
		defer l.Release()
		return w.finish(ctx, func(ctx context.Context) error {
			return errors.Join(w.endBuilder(ctx), w.dropLease(ctx, id, leases.SynchronousDelete))
		})
	}
	return leases.WithLease(ctx, id), end, nil
}

// randomHex gives n random bytes, in hexadecimal digits.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, by its documentation
	return hex.EncodeToString(b)
}

func (w *Writer) beginHand(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, taskTimeout)
	defer cancel()
	if err := w.endHands(ctx); err != nil {
		return err
	}
	_, err := w.client.LeasesService().Create(ctx, leases.WithID(id), leases.WithExpiration(leaseLife), leases.WithLabel(labelByHand, "true"))
	return err
}

// endHands clears what killed runs by hand left: a lease, and the lock that the kernel let go of.
func (w *Writer) endHands(ctx context.Context) error {
	left, err := w.client.LeasesService().List(ctx, fmt.Sprintf("labels.%q==%q", labelByHand, "true"))
	if err != nil {
		return err
	}
	var ids []string
	for _, l := range left {
		ids = append(ids, l.ID)
	}
	locks, err := os.ReadDir(filepath.Dir(w.paths.HandLock("")))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range locks {
		if id := strings.TrimSuffix(f.Name(), ".lock"); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		l, _, err := machine.TryLockFile(w.paths.HandLock(id))
		if err != nil {
			return err
		}
		if l == nil {
			continue // its run goes on
		}
		err = w.dropLease(ctx, id)
		l.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) dropLease(ctx context.Context, id string, opts ...leases.DeleteOpt) error {
	err := w.client.LeasesService().Delete(ctx, leases.Lease{ID: id}, opts...)
	if err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("lease %s: %w", id, err)
	}
	return nil
}
