package ctrd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containerd/errdefs"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/machine"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
)

// removeContainer deletes a container that does not run, with its task, its snapshot and its files.
func (w *Writer) removeContainer(ctx context.Context, op *planner.RemoveContainer) error {
	c, err := w.get(ctx, op.ID)
	if errors.Is(err, errGone) {
		return w.dropDirs(op.ID)
	}
	if err != nil {
		return err
	}
	t, err := w.taskOf(ctx, op.ID)
	if err != nil {
		return err
	}
	if t.Up() && c.Labels[mark.RestartStopped] != "true" {
		return errRuns
	}
	if t.Up() { // the restart monitor was at it already when it was told
		if err := w.stopTask(ctx, &planner.StopTask{ID: op.ID, Name: op.Name}, func(executor.Progress) {}); err != nil {
			return err
		}
		t = planner.Task{}
	}
	if t.Status != planner.TaskNone {
		if err := w.deleteTask(ctx, op.ID); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, taskTimeout)
	defer cancel()
	// The record first: a snapshot without one is collected, but a record without its snapshot can never be started.
	if err := w.client.ContainerService().Delete(ctx, op.ID); err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	w.removed.Store(op.ID, true)
	if c.SnapshotKey != "" {
		err := w.client.SnapshotService(c.Snapshotter).Remove(ctx, c.SnapshotKey)
		if err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("its file system: %w", err)
		}
	}
	return w.dropDirs(op.ID)
}

// dropDirs removes a container's files, whichever of the namespace's stacks it was of, and the directories above that are empty then.
func (w *Writer) dropDirs(id string) error {
	dirs, err := filepath.Glob(w.paths.Container("*", id))
	if err != nil {
		return err
	}
	for _, d := range dirs {
		if err := os.RemoveAll(d); err != nil {
			return err
		}
		machine.RemoveEmpty(filepath.Dir(d), w.paths.Root)
	}
	return nil
}
