package ctrd

import (
	"context"
	"fmt"
	"slices"
	"time"

	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"golang.org/x/sync/errgroup"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/machine"
	"github.com/fairlead-dev/fairlead/planner"
)

// A daemon asks a shim for its task, and waits 2 s for the answer. Of one that is slow, containerd 1.6 says UNKNOWN, and 2.4 leaves its task
// out of the list, as if there were none. So where a container has no task, or an unknown one, the kernel is asked what lives of it.

// clarify looks closer at the containers of these IDs whose task is not there or not known. A task that can't be told is TaskUnknown, with the trouble.
func (r *Reader) clarify(ctx context.Context, tasks map[string]planner.Task, ids []string) error {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		s := tasks[id].Status
		return s != planner.TaskNone && s != planner.TaskUnknown
	})
	if len(ids) == 0 {
		return nil
	}
	shims, processes := shimsOf(r.opts.Namespace), machine.InCgroups(ids)
	found := make([]planner.Task, len(ids))
	var g errgroup.Group
	g.SetLimit(64) // they wait
	for i, id := range ids {
		g.Go(func() (err error) {
			found[i], err = r.clarifyTask(ctx, id, tasks[id], shims[id], processes[id])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, id := range ids {
		tasks[id] = found[i]
	}
	return nil
}

// clarifyTask says what becomes of one such task, with the shims and the processes that live of its container.
func (r *Reader) clarifyTask(ctx context.Context, id string, t planner.Task, shims, processes []machine.Process) (planner.Task, error) {
	processes = slices.DeleteFunc(slices.Clone(processes), func(p machine.Process) bool {
		return slices.ContainsFunc(shims, func(s machine.Process) bool { return s.PID == p.PID })
	})
	answer, shim := shimGone, machine.Process{}
	for _, s := range shims {
		if a := askShim(ctx, s, r.opts.Namespace, id); a != shimGone && (answer == shimGone || answer == shimIdle) {
			answer, shim = a, s
		}
	}
	if answer == shimIdle && t.Status == planner.TaskNone {
		return t, nil // nothing runs in it: the daemon is about to give it a task, or it is a leftover
	}
	if len(shims) == 0 && len(processes) == 0 {
		return endedTask(t), nil
	}
	if answer == shimSilent {
		return unknownTask(answer, shim, processes), nil
	}
	now, err := r.askTask(ctx, id) // the daemon may have found out
	if err != nil || now.Status != planner.TaskNone && now.Status != planner.TaskUnknown {
		return now, err
	}
	switch {
	case answer == shimGone && !slices.ContainsFunc(processes, machine.Process.Lives):
		return endedTask(now), nil
	case answer == shimIdle && now.Status == planner.TaskNone:
		return now, nil
	}
	return unknownTask(answer, shim, processes), nil
}

// endedTask is the state of a task of which nothing lives.
func endedTask(t planner.Task) planner.Task {
	if t.Status == planner.TaskUnknown {
		t.Status, t.Trouble = planner.TaskStopped, ""
	}
	return t
}

// unknownTask is the state of a task that lives, and of which the daemon can't tell more.
func unknownTask(answer shimAnswer, shim machine.Process, processes []machine.Process) planner.Task {
	t := planner.Task{Status: planner.TaskUnknown, Shim: uint32(shim.PID)}
	if len(processes) > 0 {
		t.PID = uint32(processes[0].PID)
	}
	switch answer {
	case shimSilent:
		t.Trouble = fmt.Sprintf("its shim, process %d, runs and doesn't answer%s", shim.PID, whyStopped(shim))
	case shimWorks:
		t.Trouble = fmt.Sprintf("its shim, process %d, is starting it, and its runtime or a hook has not ended yet", shim.PID)
	case shimRuns, shimIdle:
		t.Trouble = fmt.Sprintf("its shim, process %d, runs, and containerd can't say what it does", shim.PID)
	case shimGone:
		t.Trouble = fmt.Sprintf("its process %d runs, and its shim is gone, so that containerd knows nothing of it: end it by hand", t.PID)
	}
	return t
}

// whyStopped says what is known of a process that doesn't answer.
func whyStopped(p machine.Process) string {
	now, ok := machine.Look(p.PID)
	switch {
	case ok && now.Stopped():
		return fmt.Sprintf(": somebody stopped it (kill -CONT %d lets it go on)", p.PID)
	case ok && now.State == 'D':
		return ": it hangs in the kernel, as on a disk that doesn't answer"
	}
	return ": the machine may be short of memory or time"
}

// askTask asks the daemon for one task; one that the daemon got no answer for is TaskUnknown.
func (r *Reader) askTask(ctx context.Context, id string) (planner.Task, error) {
	asking, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	got, err := r.tasks.Get(asking, &tasksapi.GetRequest{ContainerID: id})
	err = errgrpc.ToNative(err)
	switch {
	case errdefs.IsNotFound(err):
		return planner.Task{}, nil
	case errdefs.IsDeadlineExceeded(err) && asking.Err() == nil: // the shim's, not the daemon's
		return planner.Task{Status: planner.TaskUnknown}, nil
	case err != nil:
		return planner.Task{}, err
	}
	return liveTask(got.Process), nil
}

// DefaultAnswerTimeout is how long a step waits for a shim that doesn't answer.
const DefaultAnswerTimeout = 30 * time.Second

// taskOf reads the state of a container's process. One that can't be told is waited for, within a bound and until an interrupt: nothing
// is done on the strength of what isn't known.
func (w *Writer) taskOf(ctx context.Context, id string) (planner.Task, error) {
	waiting, cancel := context.WithTimeout(ctx, w.opts.answerTimeout())
	defer cancel()
	for {
		t, err := w.askTask(ctx, id)
		if _, down := w.down.Load(id); err != nil || down && t.Status == planner.TaskNone {
			return t, err
		}
		tasks := map[string]planner.Task{id: t}
		if err := w.clarify(ctx, tasks, []string{id}); err != nil {
			return t, err
		}
		if t = tasks[id]; t.Status != planner.TaskUnknown {
			return t, nil
		}
		select {
		case <-waiting.Done():
		case <-executor.Interrupted(ctx):
		case <-time.After(500 * time.Millisecond):
			continue
		}
		if ctx.Err() != nil {
			return t, ctx.Err()
		}
		return t, &Unanswered{t}
	}
}

// Unanswered is the error of a step on a container whose process can't be told.
type Unanswered struct{ Task planner.Task }

// Error says which process doesn't answer.
func (u *Unanswered) Error() string {
	return u.Task.Trouble + ". So it isn't known whether its process runs, and nothing was done to it. See to that process, then run the command again"
}
