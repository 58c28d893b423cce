package ctrd

import (
	"context"
	"errors"
	"time"

	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/errdefs/pkg/errgrpc"

	"github.com/fairlead-dev/fairlead/executor/machine"
	"github.com/fairlead-dev/fairlead/planner"
)

// Where a call that makes a task is cut off, its shim may stay: a process without a task, known to nobody. It is a leak, and worse: the
// daemon hands the next call for the same container to it, and that waits for ever. So fairlead ends such shims of its own containers.
// One that only is slow is no leftover: a leftover has said itself that nothing runs in it.

// leftoverTimeout is how long a shim without a task may be there: the daemon may be about to give it one, or to end it.
const leftoverTimeout = 3 * time.Second

// endLeftovers ends the shims of these containers that are leftovers.
func (w *Writer) endLeftovers(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	for begun := time.Now(); ; {
		left, err := w.leftovers(ctx, ids)
		if err != nil || len(left) == 0 {
			return err
		}
		if time.Since(begun) >= leftoverTimeout {
			return endShims(left)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// endRemoved ends the shims that containers of a killed builder left: containerd may have created a task for one after it was removed.
func (w *Writer) endRemoved(ctx context.Context) error {
	var ids []string
	w.removed.Range(func(id, _ any) bool { ids = append(ids, id.(string)); return true })
	return w.endLeftovers(ctx, ids)
}

// endShims ends shims, and what they left of a container that was created and never started.
func endShims(shims []machine.Process) error {
	var errs []error
	for _, s := range shims {
		for _, p := range append(s.Descendants(), s) {
			errs = append(errs, p.Kill())
		}
	}
	return errors.Join(errs...)
}

// leftovers finds shims of these containers in which nothing runs, and which the daemon doesn't list or has another one beside.
func (w *Writer) leftovers(ctx context.Context, ids []string) ([]machine.Process, error) {
	shims := shimsOf(w.opts.Namespace)
	if len(shims) == 0 {
		return nil, nil
	}
	got, err := w.tasks.List(ctx, &tasksapi.ListTasksRequest{})
	if err != nil {
		return nil, errgrpc.ToNative(err)
	}
	tasks := tasksByID(got)
	var left []machine.Process
	for _, id := range ids {
		t := tasks[id]
		process, up := machine.Look(int(t.PID))
		for _, s := range shims[id] {
			beside := t.Up() && up && len(shims[id]) > 1 && process.Parent != s.PID
			if (t.Status == planner.TaskNone || beside) && askShim(ctx, s, w.opts.Namespace, id) == shimIdle {
				left = append(left, s)
			}
		}
	}
	return left, nil
}
