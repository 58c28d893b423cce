package ctrd

import (
	"context"
	"fmt"
	"time"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/planner"
)

// Run makes the call of one step. Each can be made again after it was cut off half-way, and ends in the same state.
func (w *Writer) Run(ctx context.Context, op planner.Op, report func(executor.Progress)) error {
	if report == nil {
		report = func(executor.Progress) {}
	}
	return w.whileAnswering(w.in(ctx), planner.Verb(op)+" is under way", func(ctx context.Context) error { return w.run(ctx, op, report) })
}

func (w *Writer) run(ctx context.Context, op planner.Op, report func(executor.Progress)) error {
	if d := patience(op); d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	op, err := planner.WithResults(op, w.results.all())
	if err != nil {
		return err
	}
	switch op := op.(type) {
	case *planner.BuildImage:
		return w.gone("building "+op.Name, w.buildImage(ctx, op, report))
	case *planner.ImportImage:
		return w.gone("importing "+op.Name, w.importImage(ctx, op, report))
	case *planner.RegisterEmulator:
		return registerEmulator(ctx, op)
	case *planner.PullImage:
		return w.gone("pulling "+op.Name, w.pullImage(ctx, op, report))
	case *planner.LoadImage:
		return w.gone("loading "+op.Name, w.loadImage(ctx, op, report))
	case *planner.TagImage:
		return w.gone("tagging "+op.Name, w.tagImage(ctx, op))
	case *planner.PushImage:
		return w.gone("pushing "+op.To, w.pushImage(ctx, op, report))
	case *planner.RelabelImage:
		return w.gone("relabelling "+op.Name, w.relabelImage(ctx, op))
	case *planner.UntagImage:
		return w.gone("untagging "+op.Name, w.untagImage(ctx, op))
	case *planner.CreateContainer:
		return w.container(op.Want.Name, "creating", w.createContainer(ctx, op, report))
	case *planner.StartTask:
		return w.container(op.Name, "starting", w.startTask(ctx, op))
	case *planner.AwaitReady:
		return w.container(op.Name, "waiting for", w.awaitReady(ctx, op, report))
	case *planner.ClearPending:
		return w.container(op.Name, "settling", w.clearPending(ctx, op))
	case *planner.StopTask:
		return w.container(op.Name, "stopping", w.stopTask(ctx, op, report))
	case *planner.PauseTask:
		return w.container(op.Name, "pausing", w.pauseTask(ctx, op))
	case *planner.ResumeTask:
		return w.container(op.Name, "resuming", w.resumeTask(ctx, op))
	case *planner.RelabelContainer:
		return w.container(op.Want.Name, "relabelling", w.relabelContainer(ctx, op))
	case *planner.RemoveContainer:
		return w.container(op.Name, "removing", w.removeContainer(ctx, op))
	case *planner.CheckUnmoved:
		return w.gone("checking that nothing moved", w.checkUnmoved(ctx, op))
	}
	return fmt.Errorf("no call for a step of type %T: this is a fault of fairlead", op)
}

// collectionPatience bounds a garbage collection that frees many gigabytes.
const collectionPatience = 10 * time.Minute

// patience bounds an op of a few quick calls, so that a daemon that hangs is said to; 0 is for what bounds its calls one by one.
func patience(op planner.Op) time.Duration {
	switch op.(type) {
	case *planner.TagImage, *planner.RelabelImage, *planner.RelabelContainer, *planner.ClearPending, *planner.PauseTask, *planner.ResumeTask:
		return taskPatience
	case *planner.UntagImage:
		return collectionPatience
	}
	return 0
}

// container puts the object before the trouble.
func (w *Writer) container(name, doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("container %s: %w", name, w.gone(doing+" it", err))
}
