package harness

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	tasks "github.com/containerd/containerd/api/services/tasks/v1"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/leases"

	"github.com/fairlead-dev/fairlead/executor/machine"
)

// BuildLeaks gives what builds have left while none runs, but for the builder's cache: records, leases, and the containers, tasks, shims
// and processes of RUNs; a buildkitd; and mounts, sockets and the locks of stacks of the daemon at address. mark is what each RUN has in
// its environment.
func (d *Daemon) BuildLeaks(address, ns, dataRoot, mark string) ([]string, error) {
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		left, err := d.buildLeaks(ns)
		if err != nil {
			return nil, err
		}
		left = append(left, buildFiles(address, ns, dataRoot)...)
		for _, p := range append(RunWith(dataRoot), RunIn(mark)...) {
			left = append(left, fmt.Sprintf("process %d %s", p.PID, strings.Join(p.Args, " ")))
		}
		if len(left) == 0 || time.Now().After(end) { // what is just ending may take a moment
			return left, nil
		}
	}
}

func (d *Daemon) buildLeaks(ns string) (left []string, err error) {
	var all records
	running := &tasks.ListTasksResponse{}
	err = d.with(ns, func(ctx context.Context, client *containerd.Client) (err error) {
		if all, err = recordsOf(ctx, client); err == nil {
			running, err = client.TaskService().List(ctx, &tasks.ListTasksRequest{})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, l := range all.leases {
		_, temporary := l.Labels[temporaryLease]
		_, session := l.Labels["fairlead/stack"]
		if temporary || session {
			left = append(left, fmt.Sprintf("lease %s %v", l.ID, l.Labels))
		}
	}
	for _, r := range all.images {
		if strings.HasPrefix(r.Name, "fairlead.building/") {
			left = append(left, "image "+r.Name)
		}
	}
	ours := map[string]bool{}
	for _, c := range all.containers {
		if ours[c.ID] = c.Labels["fairlead/owner"] == c.ID; !ours[c.ID] {
			left = append(left, "container "+c.ID)
		}
	}
	for _, t := range running.Tasks {
		if !ours[t.ID] {
			left = append(left, "task "+t.ID)
		}
	}
	for _, p := range shimsOf(d.Address) {
		if id := argumentAfter(p.Args, "-id"); argumentAfter(p.Args, "-namespace") == ns && !ours[id] {
			left = append(left, "shim "+id)
		}
	}
	for _, m := range d.mounts(ns) {
		if id := filepath.Base(filepath.Dir(strings.TrimPrefix(m, "mount "))); !ours[id] {
			left = append(left, m)
		}
	}
	return left, nil
}

// buildFiles finds mounts and sockets below the data root, and locks of stacks in the namespace.
func buildFiles(address, ns, dataRoot string) []string {
	sum := sha256.Sum256([]byte(address))
	locks, _ := filepath.Glob(filepath.Join("/run/fairlead/locks", hex.EncodeToString(sum[:])[:16], ns, "*"))
	return append(mountsAndSockets(dataRoot), locks...)
}

// RunWith gives the processes that have text in their arguments.
func RunWith(text string) []machine.Process {
	return machine.ByArgs(func(args []string) bool { return strings.Contains(strings.Join(args, " "), text) })
}

// RunIn gives the processes that have text in their environment.
func RunIn(text string) []machine.Process {
	return slices.DeleteFunc(RunWith(""), func(p machine.Process) bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID))
		return err != nil || !bytes.Contains(b, []byte(text))
	})
}

// DropBuilderCache takes a buildkitd's cache away, which leases hold, and waits until it is gone. No buildkitd may run on the namespace.
func (d *Daemon) DropBuilderCache(ns string) error {
	return d.with(ns, func(ctx context.Context, client *containerd.Client) error {
		held, err := client.LeasesService().List(ctx)
		for i, l := range held {
			var last []leases.DeleteOpt
			if i == len(held)-1 {
				last = append(last, leases.SynchronousDelete)
			}
			if err := client.LeasesService().Delete(ctx, l, last...); err != nil {
				return err
			}
		}
		return err
	})
}
