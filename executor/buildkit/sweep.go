package buildkit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/fairlead-dev/fairlead/executor/machine"
)

// clearTimeout bounds the clearing of one container.
const clearTimeout = 30 * time.Second

// A buildkitd that is killed leaves the containers of the RUNs it was in, with their tasks and shims, and mounts below its root. Its
// snapshots the next buildkitd on the root clears by itself, when it starts. Any that ends leaves temporary leases, see endLeases.

// Sweep clears what a killed buildkitd of fairlead's own left. While one runs, there is nothing to clear; one whose fairlead was
// killed is about to end, and is waited for.
func (b *Builder) Sweep(ctx context.Context) error {
	b.recallRemoved()
	root := b.root()
	if _, err := os.Stat(filepath.Join(root, otelName)); err != nil {
		return nil // it was cleared, or there never was one
	}
	path := filepath.Join(root, "lock")
	for end := time.Now().Add(endTimeout); ; time.Sleep(100 * time.Millisecond) {
		lock, err := tryLock(path)
		if err != nil {
			return err
		}
		if lock != nil {
			defer lock.release()
			return b.sweep(ctx)
		}
		switch {
		case holderLives(path) || ctx.Err() != nil:
			return nil
		case time.Now().After(end.Add(endTimeout)):
			return fmt.Errorf("builder: what a killed one left: its buildkitd does not end, not even by SIGKILL; its root is %s", root)
		default: // the kernel told it to end when its fairlead did
			if err := killDaemons(root, time.Now().After(end)); err != nil {
				return err
			}
		}
	}
}

// killDaemons ends what runs with the settings in a root: what somebody stopped, so that it can't end by itself, or all.
func killDaemons(root string, all bool) error {
	var errs []error
	for _, p := range machine.ByArgs(func(args []string) bool { return slices.Contains(args, filepath.Join(root, configName)) }) {
		if all || p.Stopped() {
			errs = append(errs, p.Kill())
		}
	}
	return errors.Join(errs...)
}

// sweep does that, under the lock. The sockets go last: they tell that there is something to clear.
func (b *Builder) sweep(ctx context.Context) error {
	ctx = namespaces.WithNamespace(context.WithoutCancel(ctx), b.o.Namespace)
	all, err := b.o.Client.ContainerService().List(ctx)
	if err != nil {
		return fmt.Errorf("builder: what a killed one left: %w", err)
	}
	root := b.root()
	var errs []error
	for _, c := range all {
		if c.Image == "" && mountsFrom(c, root) {
			errs = append(errs, b.clear(ctx, c.ID), b.noteRemoved(c.ID))
		}
	}
	if err := machine.UnmountBelow(root); err != nil {
		errs = append(errs, fmt.Errorf("builder: what a killed one left mounted: %w", err))
	}
	errs = append(errs, b.endLeases(ctx))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, name := range []string{socketName, otelName} { // a killed one leaves both, and any the second
		if err := os.Remove(filepath.Join(root, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("builder: its socket: %w", err)
		}
	}
	return nil
}

// mountsFrom tells whether a container has something mounted from below root, as each of a buildkitd's has its resolv.conf.
func mountsFrom(c containers.Container, root string) bool {
	var s specs.Spec
	if c.Spec == nil || json.Unmarshal(c.Spec.GetValue(), &s) != nil {
		return false
	}
	roots := []string{root}
	if real, err := filepath.EvalSymlinks(root); err == nil {
		roots = append(roots, real)
	}
	return slices.ContainsFunc(s.Mounts, func(m specs.Mount) bool {
		return slices.ContainsFunc(roots, func(r string) bool { return strings.HasPrefix(m.Source, r+"/") })
	})
}

// clear ends a container's task and removes both.
func (b *Builder) clear(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, clearTimeout)
	defer cancel()
	c, err := b.o.Client.LoadContainer(ctx, id)
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err == nil {
		var t containerd.Task
		t, err = c.Task(ctx, cio.Load) // with its pipes, so that they go too
		if err == nil {
			_, err = t.Delete(ctx, containerd.WithProcessKill)
		}
		if err == nil || errdefs.IsNotFound(err) {
			err = c.Delete(ctx)
		}
	}
	if err == nil || errdefs.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("builder: a step's container that a killed one left, %s: %w", id, err)
}
