package ctrd

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/v2/core/mount"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// A start that was cut off at any moment is made again, and leaves no shim behind.
func TestStartsThatWereCutOff(t *testing.T) {
	onHosts(t, func(h *host) {
		c := h.want("web", nil)
		id := h.create(c)
		for range 12 {
			h.cutOffStart(id, time.Duration(1+rand.IntN(80))*time.Millisecond)
			time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
			h.run(&planner.StartTask{ID: id, Name: c.Name})
			h.run(&planner.AwaitReady{ID: id, Name: c.Name, Ready: spec.ReadyStarted})
			h.same(id, c)
			h.run(&planner.StopTask{ID: id, Name: c.Name, Signal: "SIGKILL"})
		}
		h.cutOffStart(id, 20*time.Millisecond)
		h.run(&planner.RemoveContainer{ID: id, Name: c.Name})
	})
}

// A daemon that ends as it makes a task may keep the task's directory. The next start gets past it, and harms nothing of the file system that is
// still mounted there.
func TestStartPastALeftoverDirectory(t *testing.T) {
	onHosts(t, func(h *host) {
		c := h.want("web", nil)
		id := h.create(c)
		rootfs := filepath.Join(h.daemon.Dir, "state", "io.containerd.runtime.v2.task", h.opts.Namespace, id, "rootfs")
		h.must(os.MkdirAll(rootfs, 0o711))
		mounts, err := h.w.client.SnapshotService("overlayfs").Mounts(h.ctx, id)
		h.must(err)
		h.must(mount.All(mounts, rootfs))
		h.run(&planner.StartTask{ID: id, Name: c.Name})
		h.run(&planner.AwaitReady{ID: id, Name: c.Name, Ready: spec.ReadyStarted})
		h.same(id, c)
	})
}

// cutOffStart makes and starts a task, and hangs up after a while.
func (h *host) cutOffStart(id string, after time.Duration) {
	h.Helper()
	mounts, err := h.w.client.SnapshotService("overlayfs").Mounts(h.ctx, id)
	h.must(err)
	req := &tasksapi.CreateTaskRequest{ContainerID: id}
	for _, m := range mounts {
		req.Rootfs = append(req.Rootfs, &types.Mount{Type: m.Type, Source: m.Source, Target: m.Target, Options: m.Options})
	}
	ctx, cancel := context.WithTimeout(h.ctx, after)
	defer cancel()
	if _, err := h.w.client.TaskService().Create(ctx, req); err == nil {
		_, _ = h.w.client.TaskService().Start(ctx, &tasksapi.StartRequest{ContainerID: id})
	}
}
