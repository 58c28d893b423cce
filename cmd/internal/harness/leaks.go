package harness

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/snapshots"

	"github.com/fairlead-dev/fairlead/executor/machine"
)

// Inventory is all that a namespace holds, as lines "kind name", sorted.
func (d *Daemon) Inventory(ns string) (lines []string, err error) {
	err = d.with(ns, func(ctx context.Context, client *containerd.Client) error {
		all, err := recordsOf(ctx, client)
		if err != nil {
			return err
		}
		for _, c := range all.containers {
			lines = append(lines, "container "+c.ID+" of "+c.Labels["fairlead/address"])
		}
		for _, i := range all.images {
			lines = append(lines, "image "+i.Name)
		}
		for _, l := range all.leases {
			line := "lease " + l.ID
			if _, temporary := l.Labels[temporaryLease]; temporary {
				line += ", which BuildKit took for a while"
			}
			lines = append(lines, line)
		}
		err = client.SnapshotService("overlayfs").Walk(ctx, func(_ context.Context, i snapshots.Info) error {
			lines = append(lines, "snapshot "+i.Name)
			return nil
		})
		if err != nil {
			return err
		}
		return client.ContentStore().Walk(ctx, func(i content.Info) error {
			lines = append(lines, "content "+i.Digest.String())
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return slices.Sorted(slices.Values(slices.Concat(lines, shims(d.Address, ns), d.mounts(ns)))), nil
}

// shims finds the shims of a namespace that belong to the daemon at address.
func shims(address, ns string) []string {
	var found []string
	for _, p := range shimsOf(address) {
		if argumentAfter(p.Args, "-namespace") == ns {
			found = append(found, fmt.Sprintf("shim %d %s", p.PID, argumentAfter(p.Args, "-id")))
		}
	}
	return found
}

// mounts finds what is mounted for the namespace's tasks.
func (d *Daemon) mounts(ns string) []string {
	var found []string
	all, err := machine.MountsBelow(filepath.Join(d.Dir, "state"))
	if err != nil {
		return []string{"mounts can't be told: " + err.Error()}
	}
	for _, m := range all {
		if strings.Contains(m, "/"+ns+"/") {
			found = append(found, "mount "+m)
		}
	}
	return found
}

// Leaks gives what is left of fairlead's making once everything is destroyed; dataRoot may hold directories, and of files those that stay
// for the next time. The cache of fairlead's own builder is one of these: it is taken away here, and nothing else may be left.
func (d *Daemon) Leaks(ns, dataRoot string) ([]string, error) {
	for _, shim := range shimsOf(d.Address) {
		if argumentAfter(shim.Args, "-namespace") == ns {
			_ = shim.Signal(syscall.SIGCONT) // a script that failed half-way may have stopped it
		}
	}
	var owned []string
	err := d.with(ns, func(ctx context.Context, client *containerd.Client) error {
		all, err := recordsOf(ctx, client)
		if err != nil {
			return err
		}
		owned = append(all.owned(), builderLeft(dataRoot)...)
		if err := dropCache(ctx, client, all.leases); err != nil {
			return err
		}
		return sweep(ctx, client, all.images)
	})
	if err != nil {
		return nil, err
	}
	left, err := d.inventoryOnceEnded(ns)
	if err != nil {
		return nil, err
	}
	_ = filepath.WalkDir(dataRoot, func(path string, e fs.DirEntry, err error) error {
		below, _ := filepath.Rel(dataRoot, path)
		switch {
		case err != nil || !strings.Contains(path, "/"+ns+"/"):
		case e.IsDir() && slices.Contains(stays, below):
			return filepath.SkipDir
		case !e.IsDir() && !slices.Contains(stays, below):
			left = append(left, "file "+path)
		}
		return nil
	})
	return append(owned, left...), nil
}

// stays is what fairlead keeps in its data root once all is destroyed: what the own builder has built, what files were when they were last
// read, and the key of the hashes of secrets.
var stays = []string{"buildkit", "seen", "key"}

// inventoryOnceEnded is the inventory once shims that are just ending have ended.
func (d *Daemon) inventoryOnceEnded(ns string) ([]string, error) {
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		left, err := d.Inventory(ns)
		if err != nil || len(left) == 0 || time.Now().After(end) {
			return left, err
		}
	}
}

// owned finds what bears fairlead's marks.
func (r records) owned() (lines []string) {
	for _, c := range r.containers {
		if c.Labels["fairlead/owner"] == c.ID {
			lines = append(lines, fmt.Sprintf("owned container %s of %s", c.ID, c.Labels["fairlead/address"]))
		}
	}
	for _, i := range r.images {
		if i.Labels["fairlead/owner"] == i.Name || strings.HasPrefix(i.Name, "fairlead.building/") {
			lines = append(lines, "owned image "+i.Name)
		}
	}
	for _, l := range r.leases {
		if _, ok := l.Labels["fairlead/stack"]; ok {
			lines = append(lines, "owned lease "+l.ID)
		}
	}
	return lines
}

// sweep removes the containers and images of a namespace, whoever made them; what they held goes with them.
func sweep(ctx context.Context, client *containerd.Client, all []images.Image) error {
	containers, err := client.Containers(ctx)
	if err != nil {
		return err
	}
	for _, c := range containers {
		if task, err := c.Task(ctx, nil); err == nil {
			_ = task.Kill(ctx, syscall.SIGKILL, containerd.WithKillAll)
			_, _ = task.Delete(ctx, containerd.WithProcessKill)
		}
		_ = c.Delete(ctx, containerd.WithSnapshotCleanup)
	}
	for _, i := range all {
		_ = client.ImageService().Delete(ctx, i.Name)
	}
	// Deleting a lease synchronously runs the garbage collection to its end.
	l, err := client.LeasesService().Create(ctx, leases.WithRandomID())
	if err != nil {
		return err
	}
	return client.LeasesService().Delete(ctx, l, leases.SynchronousDelete)
}
