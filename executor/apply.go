package executor

import (
	"context"

	"github.com/fairlead-dev/fairlead/planner"
)

// Runner makes one call. Apply decides when; Run decides nothing.
type Runner interface {
	Run(ctx context.Context, op planner.Op, report func(Progress)) error
}

// Options says how to run a plan.
type Options struct {
	Parallel int         // calls under way at once (waiting for readiness doesn't count); 1 is exactly the plan's order
	Notify   func(Event) // called from one goroutine, in order
}

// Apply runs the plan. See the package's doc.
func Apply(ctx context.Context, p *planner.Plan, r Runner, o Options) error { panic("TODO") }
