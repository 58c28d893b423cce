package ctrd

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/image"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// collectionTimeout bounds a garbage collection that frees many gigabytes.
const collectionTimeout = 10 * time.Minute

// opCall is how ops of one type are run.
type opCall struct {
	op      reflect.Type
	timeout time.Duration // of an op of a few quick calls, so that a daemon that hangs is noticed; 0: its calls are bounded one by one
	run     func(*Writer, context.Context, planner.Op, func(executor.Progress)) error
}

// callsByOp has a call for each op.
var callsByOp = indexCalls(
	callReporting(reportingOfStore((*image.Store).Pull)),
	callReporting(reportingOfStore((*image.Store).Load)),
	callReporting((*Writer).buildImage),
	callReporting((*Writer).importImage),
	callReporting(reportingOfStore((*image.Store).Push)),
	callQuiet(0, func(_ *Writer, ctx context.Context, op *planner.RegisterEmulator) error {
		return registerEmulator(ctx, op)
	}),
	callQuiet(taskTimeout, quietOfStore((*image.Store).Tag)),
	callQuiet(taskTimeout, quietOfStore((*image.Store).Relabel)),
	callQuiet(collectionTimeout, quietOfStore((*image.Store).Untag)),
	callReporting((*Writer).createContainer),
	callQuiet(0, (*Writer).startTask),
	callReporting((*Writer).awaitReady),
	callQuiet(taskTimeout, (*Writer).clearPending),
	callReporting((*Writer).stopTask),
	callQuiet(taskTimeout, (*Writer).pauseTask),
	callQuiet(taskTimeout, (*Writer).resumeTask),
	callQuiet(taskTimeout, (*Writer).relabelContainer),
	callQuiet(0, (*Writer).removeContainer),
	callQuiet(0, (*Writer).checkUnmoved),
)

// reportingOfStore is a call of the session's images that tells how far it is.
func reportingOfStore[P planner.Op](call func(*image.Store, context.Context, P, func(executor.Progress)) error) func(*Writer, context.Context, P, func(executor.Progress)) error {
	return func(w *Writer, ctx context.Context, op P, report func(executor.Progress)) error {
		return call(w.store, ctx, op, report)
	}
}

// quietOfStore is one that doesn't.
func quietOfStore[P planner.Op](call func(*image.Store, context.Context, P) error) func(*Writer, context.Context, P) error {
	return func(w *Writer, ctx context.Context, op P) error { return call(w.store, ctx, op) }
}

func indexCalls(calls ...opCall) map[reflect.Type]opCall {
	out := make(map[reflect.Type]opCall, len(calls))
	for _, c := range calls {
		out[c.op] = c
	}
	return out
}

// callReporting is a call that tells how far it is.
func callReporting[P planner.Op](call func(*Writer, context.Context, P, func(executor.Progress)) error) opCall {
	return opCall{op: reflect.TypeFor[P](), run: func(w *Writer, ctx context.Context, op planner.Op, report func(executor.Progress)) error {
		return call(w, ctx, op.(P), report)
	}}
}

// callQuiet is a call that tells nothing before its end.
func callQuiet[P planner.Op](timeout time.Duration, call func(*Writer, context.Context, P) error) opCall {
	return opCall{op: reflect.TypeFor[P](), timeout: timeout, run: func(w *Writer, ctx context.Context, op planner.Op, _ func(executor.Progress)) error {
		return call(w, ctx, op.(P))
	}}
}

// Run makes the call of one step. Each can be made again after it was cut off half-way, and ends in the same state.
func (w *Writer) Run(ctx context.Context, op planner.Op, report func(executor.Progress)) error {
	if report == nil {
		report = func(executor.Progress) {}
	}
	return w.whileAnswering(w.in(ctx), planner.Verb(op)+" is under way", func(ctx context.Context) error { return w.run(ctx, op, report) })
}

func (w *Writer) run(ctx context.Context, op planner.Op, report func(executor.Progress)) error {
	call := callsByOp[reflect.TypeOf(op)]
	if call.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, call.timeout)
		defer cancel()
	}
	op, err := planner.WithResults(op, w.results.all())
	if err != nil {
		return err
	}
	return w.explain(op, call.run(w, ctx, op, report))
}

// explain puts the object of an op before the trouble.
func (w *Writer) explain(op planner.Op, err error) error {
	if err == nil {
		return nil
	}
	row := planner.RowOf(op)
	name := row.ObjectName(op)
	if explain := explainers[row.Kind]; explain != nil {
		return explain(w, name, row.Participle, err)
	}
	return w.gone(strings.TrimSpace(row.Participle+" "+name), err)
}

// explainers has the kinds whose objects people know by more than the op's words.
var explainers = map[spec.Kind]func(w *Writer, name, doing string, err error) error{
	spec.KindContainer: func(w *Writer, name, doing string, err error) error {
		return fmt.Errorf("container %s: %w", name, w.gone(doing+" it", err))
	},
	spec.KindEmulator: func(_ *Writer, _, _ string, err error) error { return err }, // containerd has no part in it
}
