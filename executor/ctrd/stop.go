package ctrd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"golang.org/x/sys/unix"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// killTimeout is how long a process may take to end once it was killed: it may hang in the kernel for a while.
const killTimeout = 30 * time.Second

// stopTask ends a container's process and takes its task away. The restart monitor is told before the signal.
//
// It is told by taking its status label away, not by setting it to "stopped": a monitor of any version leaves alone what has no
// status, but kills what runs and should be stopped at its next look, in the middle of the time that the process has to end.
func (w *Writer) stopTask(ctx context.Context, op *planner.StopTask, report func(executor.Progress)) error {
	c, err := w.get(ctx, op.ID)
	if errors.Is(err, errGone) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := w.taskOf(ctx, op.ID); err != nil { // before anything is done: the monitor goes on looking after what can't be stopped
		return err
	}
	tell := map[string]string{}
	if c.Labels[mark.RestartStatus] != "" {
		tell[mark.RestartStatus] = ""
	}
	if c.Labels[mark.RestartPolicy] != "" && c.Labels[mark.RestartStopped] != "true" {
		tell[mark.RestartStopped] = "true"
	}
	if err := w.setLabels(ctx, op.ID, tell); err != nil && !errors.Is(err, errGone) {
		return err
	}
	t, err := w.taskOf(ctx, op.ID)
	if _, told := tell[mark.RestartStatus]; err == nil && told && !t.Up() {
		time.Sleep(startedAfter) // the monitor may be starting it
		t, err = w.taskOf(ctx, op.ID)
	}
	if err != nil || t.Status == planner.TaskNone {
		return err
	}
	if t.Up() {
		sig, err := signalNumber(cmp.Or(op.Signal, c.Labels[mark.LabelStopSignal]))
		if err != nil {
			return err
		}
		timeout := cmp.Or(max(op.Timeout, 0), spec.DefaultStopTimeout)
		if err := w.endProcess(ctx, op.ID, t, sig, timeout, report); err != nil {
			if errdefs.IsUnavailable(err) {
				return err
			}
			return errors.Join(err, w.setLabels(ctx, op.ID, undoLabels(c.Labels, tell)))
		}
	}
	return w.deleteTask(ctx, op.ID)
}

// undoLabels gives the labels that take back what the restart monitor was told.
func undoLabels(was, told map[string]string) map[string]string {
	out := map[string]string{}
	for k := range told {
		out[k] = was[k]
	}
	return out
}

// endProcess sends the signal and waits, then kills and waits.
func (w *Writer) endProcess(ctx context.Context, id string, t planner.Task, sig syscall.Signal, timeout time.Duration, report func(executor.Progress)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := w.client.TaskService().Wait(ctx, &tasksapi.WaitRequest{ContainerID: id})
		if err = errgrpc.ToNative(err); errdefs.IsNotFound(err) {
			err = nil
		}
		ended <- err
	}()
	if err := w.kill(ctx, id, sig, false); err != nil {
		return fmt.Errorf("signal %s: %w", unix.SignalName(sig), err)
	}
	if t.Status == planner.TaskPaused {
		// A frozen process takes its signal when it thaws.
		if err := w.resume(ctx, id); err != nil {
			timeout = 0
		}
	}
	report(executor.Progress{Note: "waiting for the process to end"})
	done, err := awaitEnd(ctx, ended, timeout)
	if done || err != nil {
		return err
	}
	report(executor.Progress{Note: "killed after " + timeout.String()})
	if err := w.kill(ctx, id, syscall.SIGKILL, true); err != nil {
		return fmt.Errorf("signal SIGKILL: %w", err)
	}
	done, err = awaitEnd(ctx, ended, killTimeout)
	if !done && err == nil {
		return fmt.Errorf("its process does not end, not even by SIGKILL, within %s: it hangs in the kernel, as on a disk or a network file system that doesn't answer", killTimeout)
	}
	return err
}

// awaitEnd tells whether the process ended within d.
func awaitEnd(ctx context.Context, ended <-chan error, d time.Duration) (bool, error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case err := <-ended:
		return true, err
	case <-timer.C:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// signalNumber reads a signal's name: one of the kernel's, or SIGRTMIN+N.
func signalNumber(name string) (syscall.Signal, error) {
	if name == "" {
		return syscall.SIGTERM, nil
	}
	normal, err := spec.ParseSignal(name)
	if err != nil {
		return 0, err
	}
	if rest, ok := strings.CutPrefix(normal, "SIGRTMIN"); ok {
		n := 0
		if rest != "" {
			if n, err = strconv.Atoi(strings.TrimPrefix(rest, "+")); err != nil {
				return 0, fmt.Errorf("signal %s: %w", name, err)
			}
		}
		return syscall.Signal(34 + n), nil
	}
	return unix.SignalNum(normal), nil
}
