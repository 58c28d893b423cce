package ctrd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"

	"github.com/fairlead-dev/fairlead/executor/machine"
	"github.com/fairlead-dev/fairlead/executor/mark"
)

// leaseLife is how long garbage collection leaves alone what a killed apply made, if no other apply comes along.
const leaseLife = 24 * time.Hour

// Begin takes the lock of a stack and clears what a killed apply of it left: leases, shims without a task, and directories of
// containers that are not there. The context that it gives has a lease on it, which holds what steps make until something refers to
// it; the steps of an apply run under it. The function that it gives ends that: what nothing refers to is gone when it returns.
func (w *Writer) Begin(ctx context.Context, stack string) (context.Context, func(context.Context) error, error) {
	ctx = w.in(ctx)
	l, err := takeLock(ctx, w.paths.StackLock(stack), stack, w.opts.LockWait)
	if err != nil {
		return nil, nil, err
	}
	lease, err := w.begin(ctx, stack)
	if err != nil {
		l.Release()
		return nil, nil, w.gone("beginning", err)
	}
	end := func(ctx context.Context) error {
		defer l.Release()
		return w.finish(ctx, func(ctx context.Context) error {
			builder := make(chan error, 1)
			go func() { builder <- w.endBuilder(ctx) }() // it takes a while, and so does collecting garbage
			err := w.dropLease(ctx, lease.ID, leases.SynchronousDelete)
			if err == nil {
				err = w.endRemoved(ctx)
			}
			return errors.Join(<-builder, err)
		})
	}
	return leases.WithLease(ctx, lease.ID), end, nil
}

// LockStacks takes the locks of stacks, for what is done by hand to what they own. The function that it gives lets go of them.
func (w *Writer) LockStacks(ctx context.Context, stacks []string) (unlock func(), err error) {
	var held []*machine.LockFile
	unlock = func() {
		for _, l := range held {
			l.Release()
		}
	}
	stacks = slices.Clone(stacks)
	slices.Sort(stacks) // two that wait for each other's locks would wait for ever
	for _, stack := range slices.Compact(stacks) {
		l, err := takeLock(ctx, w.paths.StackLock(stack), stack, w.opts.LockWait)
		if err != nil {
			unlock()
			return nil, err
		}
		held = append(held, l)
	}
	return unlock, nil
}

// finish makes the last calls of a session, within a bound: its lock is let go of then, whatever hangs.
func (w *Writer) finish(ctx context.Context, calls func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(w.in(ctx), collectionTimeout)
	defer cancel()
	return w.gone("ending", w.whileAnswering(ctx, "the run ends", calls))
}

func (w *Writer) begin(ctx context.Context, stack string) (leases.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, taskTimeout)
	defer cancel()
	manager := w.client.LeasesService()
	old, err := manager.List(ctx, fmt.Sprintf("labels.%q==%q", mark.LabelStack, stack))
	if err != nil {
		return leases.Lease{}, err
	}
	for _, l := range old {
		if err := manager.Delete(ctx, l); err != nil && !errdefs.IsNotFound(err) {
			return leases.Lease{}, err
		}
	}
	if err := w.endHands(ctx); err != nil {
		return leases.Lease{}, err
	}
	if err := w.sweepBuilder(ctx, stack); err != nil {
		return leases.Lease{}, err
	}
	if err := w.endRemoved(ctx); err != nil {
		return leases.Lease{}, err
	}
	if err := w.sweep(ctx, stack); err != nil {
		return leases.Lease{}, err
	}
	return manager.Create(ctx, leases.WithRandomID(), leases.WithExpiration(leaseLife), leases.WithLabel(mark.LabelStack, stack))
}

// sweep ends the shims of a stack's containers that were left without a task, and removes the files of containers that are not there
// any more.
func (w *Writer) sweep(ctx context.Context, stack string) error {
	dir := w.paths.Container(stack, "")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // there is none yet
	}
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.Name())
	}
	if err := w.endLeftovers(ctx, ids); err != nil {
		return err
	}
	there, err := w.client.ContainerService().List(ctx, fmt.Sprintf("labels.%q==%q", mark.LabelStack, stack))
	if err != nil {
		return err
	}
	for _, id := range ids {
		if slices.ContainsFunc(there, func(c containers.Container) bool { return c.ID == id }) {
			continue
		}
		_, err := w.client.ContainerService().Get(ctx, id) // somebody may have taken its label away
		if errdefs.IsNotFound(err) {
			err = os.RemoveAll(filepath.Join(dir, id))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
