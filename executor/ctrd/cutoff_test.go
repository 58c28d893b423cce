package ctrd

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/api/types/runc/options"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/typeurl/v2"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// A start that was cut off at any moment is made again, and leaves no shim behind.
func TestStartsThatWereCutOff(t *testing.T) {
	onHosts(t, func(h *host) {
		c := h.want("web", nil)
		id := h.create(c)
		for range 12 {
			h.cutOffStart(id, time.Duration(1+rand.IntN(80))*time.Millisecond, nil)
			time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
			h.run(&planner.StartTask{ID: id, Name: c.Name})
			h.run(&planner.AwaitReady{ID: id, Name: c.Name, Ready: spec.ReadyStarted})
			h.same(id, c)
			h.run(&planner.StopTask{ID: id, Name: c.Name, Signal: "SIGKILL"})
		}
		h.cutOffStart(id, 20*time.Millisecond, nil)
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

// A daemon that ends in a create may leave a shim without a task in which runc's init waits for a start that nobody makes: its runc was killed just
// before it said that all is ready. Nothing of the container runs in it, so the next start ends it.
func TestStartPastAnOrphanedInit(t *testing.T) {
	onHosts(t, func(h *host) {
		c := h.want("web", nil)
		id := h.create(c)
		h.orphanInit(id)
		if got := h.live(id).Task; got.Status != planner.TaskNone {
			h.Errorf("its task is %+v, and nothing of it runs", got)
		}
		h.run(&planner.StartTask{ID: id, Name: c.Name})
		h.run(&planner.AwaitReady{ID: id, Name: c.Name, Ready: spec.ReadyStarted})
		h.same(id, c)
		if shims := shimsOf(h.opts.Namespace)[id]; len(shims) != 1 {
			h.Errorf("%d shims", len(shims))
		}
	})
}

// orphanInit leaves a shim of the container that has no task, and in which an init waits whose runc was killed.
func (h *host) orphanInit(id string) {
	h.Helper()
	dir := h.TempDir()
	runc, err := exec.LookPath("runc")
	h.must(err)
	script := fmt.Sprintf("#!/bin/sh\n%s \"$@\"; code=$?\ncase \" $* \" in *\" create \"*) echo >%s/created; exec sleep 1000;; esac\nexit $code\n", runc, dir)
	h.must(os.WriteFile(dir+"/runc", []byte(script), 0o755))
	options, err := typeurl.MarshalAnyToProto(&options.Options{BinaryName: dir + "/runc"})
	h.must(err)
	go h.cutOffStart(id, time.Minute, options)
	for _, err := os.Stat(dir + "/created"); err != nil; _, err = os.Stat(dir + "/created") {
		time.Sleep(time.Millisecond)
	}
	h.daemon.Stop(syscall.SIGKILL)
	bundle := filepath.Join(h.daemon.Dir, "state", "io.containerd.runtime.v2.task", h.opts.Namespace, id)
	h.must(mount.UnmountAll(bundle+"/rootfs", unix.MNT_DETACH))
	h.must(os.RemoveAll(bundle))
	for _, s := range shimsOf(h.opts.Namespace)[id] {
		for _, p := range s.Descendants() {
			if slices.Equal(p.Args, []string{"sleep", "1000"}) {
				h.must(p.Kill())
			}
		}
	}
	h.must(h.daemon.Start())
}

// A shim of a container that a killed builder left, and that was removed before the shim was there, is ended by a later session.
func TestShimsOfRemovedContainers(t *testing.T) {
	onHosts(t, func(h *host) {
		id := h.create(h.want("web", nil))
		h.orphanInit(id)
		shim := shimsOf(h.opts.Namespace)[id][0]
		sum := sha256.Sum256([]byte(h.opts.Address + "\x00" + h.opts.Namespace))
		root := filepath.Join(h.opts.DataRoot, "buildkit", hex.EncodeToString(sum[:4]))
		h.must(os.MkdirAll(root, 0o700))
		h.must(os.WriteFile(filepath.Join(root, "removed"), []byte(id+"\n"), 0o600))
		w, err := OpenWriter(context.Background(), h.opts)
		h.must(err)
		defer w.Close()
		_, end, err := w.Begin(context.Background(), "another")
		h.must(err)
		if shim.Lives() {
			h.Error("its shim is there")
		}
		h.must(end(context.Background()))
		h.must(os.RemoveAll(filepath.Join(h.opts.DataRoot, "buildkit")))
	})
}

// cutOffStart makes and starts a task, and hangs up after a while.
func (h *host) cutOffStart(id string, after time.Duration, options *anypb.Any) {
	h.Helper()
	mounts, err := h.w.client.SnapshotService("overlayfs").Mounts(h.ctx, id)
	h.must(err)
	req := &tasksapi.CreateTaskRequest{ContainerID: id, Options: options}
	for _, m := range mounts {
		req.Rootfs = append(req.Rootfs, &types.Mount{Type: m.Type, Source: m.Source, Target: m.Target, Options: m.Options})
	}
	ctx, cancel := context.WithTimeout(h.ctx, after)
	defer cancel()
	if _, err := h.w.client.TaskService().Create(ctx, req); err == nil {
		_, _ = h.w.client.TaskService().Start(ctx, &tasksapi.StartRequest{ContainerID: id})
	}
}
