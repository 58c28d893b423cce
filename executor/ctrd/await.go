package ctrd

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// startedAfter is how long a process must have run to count as started.
const startedAfter = 300 * time.Millisecond

// logLines is how many lines of a log an error shows.
const logLines = 20

// NotReady is the error of a container that did not become ready.
type NotReady struct {
	ID   string
	Name string
	Why  string   // what happened, and what to do where that is known
	Log  []string // the last lines of its output
}

// Error says what happened, with the end of the log.
func (n *NotReady) Error() string {
	if len(n.Log) == 0 {
		return n.Why + "; it wrote nothing to its log"
	}
	return n.Why + "; the end of its log:\n    " + strings.Join(n.Log, "\n    ")
}

// awaitReady waits until a container is ready, takes its pending mark away, and has the restart monitor look after it.
func (w *Writer) awaitReady(ctx context.Context, op *planner.AwaitReady, report func(executor.Progress)) error {
	c, err := w.get(ctx, op.ID)
	if err != nil {
		return err
	}
	t, err := w.taskOf(ctx, op.ID)
	if err != nil {
		return err
	}
	done := map[string]string{}
	switch {
	case op.Ready == spec.ReadyCompleted && completed(c.Labels, t):
	case op.Ready == spec.ReadyCompleted:
		report(executor.Progress{Note: "waiting for the process to complete"})
		err = w.awaitCompleted(ctx, op, c)
		done[mark.LabelCompleted] = "true"
	default:
		err = w.awaitStarted(ctx, op, c)
	}
	if err != nil {
		return err
	}
	if c.Labels[mark.LabelPending] != "" {
		done[mark.LabelPending] = ""
	}
	if c.Labels[mark.RestartPolicy] != "" && c.Labels[mark.RestartStatus] != "running" {
		done[mark.RestartStatus] = "running"
	}
	return w.setLabels(ctx, op.ID, done)
}

// completed tells whether a job is done. The mark is of a process that ended with 0: one that runs, or that ended otherwise, began after
// it, whoever started it.
func completed(labels map[string]string, t planner.Task) bool {
	return labels[mark.LabelCompleted] == "true" && !t.Up() && (t.Status != planner.TaskStopped || t.ExitCode == 0)
}

// waitForExit gives the exit code of a process that ends within d.
func (w *Writer) waitForExit(ctx context.Context, id string, d time.Duration) (code uint32, ended bool, err error) {
	waiting, cancel := context.WithCancel(ctx) // not WithTimeout: containerd would be told of it, and say so in its own words first
	defer cancel()
	defer time.AfterFunc(cmp.Or(max(d, 0), spec.DefaultWithin), cancel).Stop()
	r, err := w.client.TaskService().Wait(waiting, &tasksapi.WaitRequest{ContainerID: id})
	switch {
	case err == nil:
		return r.ExitStatus, true, nil
	case ctx.Err() != nil:
		return 0, false, ctx.Err()
	case waiting.Err() != nil:
		return 0, false, nil
	}
	return 0, false, errgrpc.ToNative(err)
}

func (w *Writer) awaitStarted(ctx context.Context, op *planner.AwaitReady, c containers.Container) error {
	code, ended, err := w.waitForExit(ctx, op.ID, startedAfter)
	if err != nil {
		return w.taskGone(op, c, err)
	}
	if !ended {
		t, err := w.taskOf(ctx, op.ID)
		if err != nil || t.Up() {
			return err
		}
		code = t.ExitCode
	}
	why := fmt.Sprintf("its process ended at once with %s", describeExit(code))
	if code == 0 {
		why += `; if it is a job that is meant to end, say ready = "completed"`
	}
	return w.notReady(op, c, why)
}

func (w *Writer) awaitCompleted(ctx context.Context, op *planner.AwaitReady, c containers.Container) error {
	code, ended, err := w.waitForExit(ctx, op.ID, op.Within)
	switch {
	case err != nil:
		return w.taskGone(op, c, err)
	case !ended:
		return w.notReady(op, c, fmt.Sprintf("its process has not completed within %s; if it needs longer, say so in update { within = … }", op.Within))
	case code != 0:
		return w.notReady(op, c, "its process ended with "+describeExit(code))
	}
	return nil
}

// describeExit says an exit code as people know it.
func describeExit(code uint32) string {
	text := fmt.Sprintf("exit code %d", code)
	switch code {
	case 126:
		text += " (not executable)"
	case 127:
		text += " (command not found)"
	case 137:
		text += " (SIGKILL: killed by hand or for lack of memory)"
	case 139:
		text += " (SIGSEGV)"
	case 143:
		text += " (SIGTERM)"
	case 255:
		text += " (an error of its own, or its shim was killed)"
	}
	return text
}

func (w *Writer) taskGone(op *planner.AwaitReady, c containers.Container, err error) error {
	if errdefs.IsNotFound(err) {
		return w.notReady(op, c, "its process is gone")
	}
	return err
}

func (w *Writer) notReady(op *planner.AwaitReady, c containers.Container, why string) error {
	n := &NotReady{ID: op.ID, Name: op.Name, Why: why}
	n.Log = logTail(w.logPath(c.Labels))
	return n
}

// dirOf is the directory of fairlead's files of a container; "" if it isn't fairlead's.
func (w *Writer) dirOf(labels map[string]string) string {
	dir := filepath.Clean(labels[mark.NerdctlStateDir])
	if rest, ok := strings.CutPrefix(dir, w.paths.Objects()+string(filepath.Separator)); ok && strings.Count(rest, string(filepath.Separator)) == 1 {
		return dir
	}
	return ""
}

// logPath is the file with a container's output.
func (w *Writer) logPath(labels map[string]string) string {
	if path := mark.LogPath(labels[mark.NerdctlLogURI]); path != "" {
		return path
	}
	if dir := w.dirOf(labels); dir != "" {
		return filepath.Join(dir, mark.LogFile)
	}
	return os.DevNull
}

// clearPending takes the pending mark from a container that is not to be started.
func (w *Writer) clearPending(ctx context.Context, op *planner.ClearPending) error {
	c, err := w.get(ctx, op.ID)
	if err != nil || c.Labels[mark.LabelPending] == "" {
		return err
	}
	return w.setLabels(ctx, op.ID, map[string]string{mark.LabelPending: ""})
}
