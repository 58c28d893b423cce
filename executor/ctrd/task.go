package ctrd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/api/types"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"

	"github.com/fairlead-dev/fairlead/executor/machine"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/executor/ocispec"
	"github.com/fairlead-dev/fairlead/planner"
)

// errGone is the error of a step on a container that is not there any more.
var errGone = errors.New("it is gone: somebody removed it; plan again")

func (w *Writer) get(ctx context.Context, id string) (containers.Container, error) {
	c, err := within(ctx, callTimeout, func(ctx context.Context) (containers.Container, error) {
		return w.client.ContainerService().Get(ctx, id)
	})
	if errdefs.IsNotFound(err) {
		return c, errGone
	}
	return c, err
}

// setLabels writes these labels alone, at once; "" takes one away.
func (w *Writer) setLabels(ctx context.Context, id string, labels map[string]string) error {
	if len(labels) == 0 {
		return nil
	}
	return w.update(ctx, containers.Container{ID: id, Labels: labels}, labelPaths(labels)...)
}

// update writes these fields of a record.
func (w *Writer) update(ctx context.Context, c containers.Container, fields ...string) error {
	_, err := within(ctx, callTimeout, func(ctx context.Context) (containers.Container, error) {
		return w.client.ContainerService().Update(ctx, c, fields...)
	})
	if errdefs.IsNotFound(err) {
		return errGone
	}
	return explainLabels(err)
}

func labelPaths(labels map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, "labels."+k)
	}
	return out
}

// startTask starts a container's process, in place of one that ended, and lets the restart monitor look after it again.
func (w *Writer) startTask(ctx context.Context, op *planner.StartTask) error {
	if err := w.freeName(ctx, op.ID); err != nil {
		return err
	}
	c, err := w.get(ctx, op.ID)
	if err != nil {
		return err
	}
	if c.Labels[mark.LabelCompleted] != "" { // another process does not inherit it
		if err := w.setLabels(ctx, op.ID, map[string]string{mark.LabelCompleted: ""}); err != nil {
			return err
		}
	}
	for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		if err = w.startOnce(ctx, c); !mayPass(err) || time.Since(begun) > retryTimeout {
			break
		}
		if time.Since(begun) > leftoverAfter {
			left, lerr := w.leftovers(ctx, []string{op.ID})
			if lerr == nil && endShims(left) == nil {
				w.clearBundle(op.ID, err)
			}
		}
	}
	if err != nil {
		return explainStart(err, c)
	}
	return w.setLabels(ctx, op.ID, monitorLabels(c.Labels))
}

// retryTimeout is how long a daemon may take to end or take back a call that was cut off.
const retryTimeout = time.Minute

// mayPass tells whether what keeps a task from being made may pass by itself: a call that was cut off goes on in the daemon, or is
// taken back there, and the task is neither here nor gone meanwhile. No version has errors of its own for that.
func mayPass(err error) bool {
	switch {
	case err == nil || errdefs.IsUnavailable(err):
		return false
	case errdefs.IsAlreadyExists(err) || errors.Is(err, errRuns):
		return true
	}
	text := err.Error()
	if strings.Contains(text, "unable to start container process") { // that is the program's fault, not the daemon's
		return false
	}
	for _, halfWay := range []string{"io.containerd.runtime.v2.task/", "already exists", "failed to start shim", "ttrpc: closed", notStopped} {
		if strings.Contains(text, halfWay) {
			return true
		}
	}
	return false
}

func (w *Writer) startOnce(ctx context.Context, c containers.Container) error {
	t, err := w.taskOf(ctx, c.ID)
	if err != nil || t.Up() {
		return err
	}
	if t.Status == planner.TaskStopped || t.Status == planner.TaskCreated {
		// One that was made and not started is from a try that was cut off.
		if err := w.deleteTask(ctx, c.ID); err != nil {
			return err
		}
	}
	return w.newTask(ctx, c)
}

// monitorLabels gives the labels by which the restart monitor looks after a container that has a policy; not before it was ready once.
func monitorLabels(labels map[string]string) map[string]string {
	out := map[string]string{}
	for _, k := range []string{mark.RestartStopped, mark.RestartCount} {
		if labels[k] != "" {
			out[k] = ""
		}
	}
	if labels[mark.RestartPolicy] != "" && labels[mark.LabelPending] == "" && labels[mark.RestartStatus] != "running" {
		out[mark.RestartStatus] = "running"
	}
	return out
}

// newTask makes and starts the task.
func (w *Writer) newTask(ctx context.Context, c containers.Container) error {
	ctx, cancel := context.WithTimeout(ctx, w.opts.startTimeout())
	defer cancel()
	req := &tasksapi.CreateTaskRequest{ContainerID: c.ID}
	if err := w.setOutput(ctx, c, req); err != nil {
		return err
	}
	if c.SnapshotKey != "" {
		mounts, err := w.client.SnapshotService(c.Snapshotter).Mounts(ctx, c.SnapshotKey)
		if errdefs.IsNotFound(err) {
			return fmt.Errorf("its file system is gone (snapshot %s): remove the container, and fairlead makes it anew", mark.ShortID(c.SnapshotKey))
		}
		if err != nil {
			return fmt.Errorf("its file system: %w", err)
		}
		for _, m := range mounts {
			req.Rootfs = append(req.Rootfs, &types.Mount{Type: m.Type, Source: m.Source, Target: m.Target, Options: m.Options})
		}
	}
	w.down.Delete(c.ID)
	watch := w.watchStart(c.ID)
	defer watch.stop()
	if _, err := w.client.TaskService().Create(ctx, req); err != nil {
		return w.notStarted(ctx, c.ID, watch, errgrpc.ToNative(err))
	}
	_, err := w.client.TaskService().Start(ctx, &tasksapi.StartRequest{ContainerID: c.ID})
	if err = errgrpc.ToNative(err); err != nil {
		err = w.notStarted(ctx, c.ID, watch, err)
		_ = w.deleteTask(context.WithoutCancel(ctx), c.ID)
	}
	return err
}

// setOutput says where the output of a task goes, and makes the directory of its log.
func (w *Writer) setOutput(ctx context.Context, c containers.Container, req *tasksapi.CreateTaskRequest) error {
	s, err := ocispec.Parse(&c)
	if err != nil {
		return err
	}
	uri := cmp.Or(c.Labels[mark.RestartLog], c.Labels[mark.NerdctlLogURI])
	if dir := w.dirOf(c.Labels); dir != "" {
		if err := machine.MakeDir(dir); err != nil {
			return err
		}
	}
	req.Terminal, req.Stdout, req.Stderr = s.Process.Terminal, uri, uri
	return nil
}

// explainStart takes from the runtime's error what it says beside the cause.
func explainStart(err error, c containers.Container) error {
	if err == nil || errdefs.IsUnavailable(err) || errors.Is(err, context.Canceled) || errdefs.IsDeadlineExceeded(err) {
		return err
	}
	text := err.Error()
	for _, p := range []string{"unable to start container process: ", "OCI runtime create failed: ", "failed to create shim task: "} {
		if _, rest, ok := strings.Cut(text, p); ok {
			text = rest
			break
		}
	}
	text = strings.TrimSuffix(text, ": unknown")
	if s, serr := ocispec.Parse(&c); serr == nil {
		if said := explainWorkingDir(text, s.Process.Cwd, c.Image); said != "" {
			return &startError{text: said, err: err}
		}
	}
	return &startError{text: "its process cannot be started: " + text, err: err}
}

type startError struct {
	text string
	err  error
}

func (e *startError) Error() string { return e.text }
func (e *startError) Unwrap() error { return e.err }

// errRuns is the error of what can be done only to a container that doesn't run.
var errRuns = errors.New("its process runs: it was started by somebody else in the meantime; plan again")

// notStopped is what runc says of a process that runs, where the daemon believes that it was never started.
const notStopped = "that is not stopped"

// deleteTask takes away a task whose process has ended, or ends it first if it never began.
func (w *Writer) deleteTask(ctx context.Context, id string) error {
	var err error
	for try := range 20 {
		err = w.askToAct(ctx, id, taskTimeout, func(ctx context.Context) error {
			_, err := w.client.TaskService().Delete(ctx, &tasksapi.DeleteTaskRequest{ContainerID: id})
			return err
		})
		if err == nil || errdefs.IsNotFound(err) {
			w.down.Store(id, true)
			return nil
		}
		if !errdefs.IsFailedPrecondition(err) && !strings.Contains(err.Error(), "must be stopped") && !strings.Contains(err.Error(), notStopped) {
			return fmt.Errorf("delete its task: %w", err)
		}
		if try == 0 {
			t, terr := w.taskOf(ctx, id)
			if terr == nil && t.Up() {
				return errRuns
			}
			if terr == nil && t.Status == planner.TaskCreated {
				_ = w.kill(ctx, id, syscall.SIGKILL, true)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("delete its task: %w", err)
}

// kill sends a signal; to a process that has ended, it is no error.
func (w *Writer) kill(ctx context.Context, id string, sig syscall.Signal, all bool) error {
	err := w.askToAct(ctx, id, w.opts.answerTimeout(), func(ctx context.Context) error {
		_, err := w.client.TaskService().Kill(ctx, &tasksapi.KillRequest{ContainerID: id, Signal: uint32(sig), All: all})
		return err
	})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// askToAct makes a call that the daemon hands on to a shim, within a bound. A shim that answers nothing to it is named.
func (w *Writer) askToAct(ctx context.Context, id string, d time.Duration, call func(context.Context) error) error {
	asking, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	err := errgrpc.ToNative(call(asking))
	if err == nil || ctx.Err() != nil || asking.Err() == nil && !errdefs.IsDeadlineExceeded(err) {
		return err
	}
	if _, verr := within(ctx, versionTimeout, func(ctx context.Context) (containerd.Version, error) { return w.client.Version(ctx) }); verr != nil {
		return err // it is the daemon that hangs
	}
	for _, s := range shimsOf(w.opts.Namespace)[id] {
		return &Unanswered{planner.Task{Status: planner.TaskUnknown, Shim: uint32(s.PID),
			Trouble: fmt.Sprintf("its shim, process %d, has not done within %s what it was asked for%s", s.PID, d, whyStopped(s))}}
	}
	return err
}

// pauseTask freezes a running process. The restart monitor is told first: to it, what is frozen is down, and is killed and started.
func (w *Writer) pauseTask(ctx context.Context, op *planner.PauseTask) error {
	c, err := w.get(ctx, op.ID)
	if err != nil {
		return err
	}
	if c.Labels[mark.RestartStatus] != "" {
		if err := w.setLabels(ctx, op.ID, map[string]string{mark.RestartStatus: ""}); err != nil {
			return err
		}
	}
	t, err := w.taskOf(ctx, op.ID)
	switch {
	case err != nil:
		return err
	case t.Status == planner.TaskPaused:
		return nil
	case t.Status != planner.TaskRunning:
		return fmt.Errorf("its process doesn't run, so it cannot be paused; plan again")
	}
	return w.askToAct(ctx, op.ID, w.opts.answerTimeout(), func(ctx context.Context) error {
		_, err := w.client.TaskService().Pause(ctx, &tasksapi.PauseTaskRequest{ContainerID: op.ID})
		return err
	})
}

// resumeTask thaws a paused process, and lets the restart monitor look after it again.
func (w *Writer) resumeTask(ctx context.Context, op *planner.ResumeTask) error {
	c, err := w.get(ctx, op.ID)
	if err != nil {
		return err
	}
	t, err := w.taskOf(ctx, op.ID)
	switch {
	case err != nil:
		return err
	case t.Status == planner.TaskRunning:
	case t.Status != planner.TaskPaused:
		return fmt.Errorf("its process isn't paused, and doesn't run either; plan again")
	default:
		if err := w.resume(ctx, op.ID); err != nil {
			return err
		}
	}
	return w.setLabels(ctx, op.ID, monitorLabels(c.Labels))
}

func (w *Writer) resume(ctx context.Context, id string) error {
	return w.askToAct(ctx, id, w.opts.answerTimeout(), func(ctx context.Context) error {
		_, err := w.client.TaskService().Resume(ctx, &tasksapi.ResumeTaskRequest{ContainerID: id})
		return err
	})
}
