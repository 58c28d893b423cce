package ctrd

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// hangTimeout is how long a daemon may answer nothing at all before the calls that wait for it are ended.
const hangTimeout = time.Minute

// errHangs is why a call was ended that a daemon would never have answered.
var errHangs = errors.New("it hangs, or somebody stopped it")

// whileAnswering makes calls, however long they take, as long as the daemon answers anything meanwhile.
func (d daemon) whileAnswering(ctx context.Context, doing string, calls func(context.Context) error) error {
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if d.ask != nil {
		go d.watch(watched, cancel)
	}
	err := calls(watched)
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(watched), errHangs) {
		return fmt.Errorf("containerd at %s: no answer to anything within %s, while %s: %w. See its log, start it again, then run the command again: it carries on from what is there", d.address, d.hang, doing, errHangs)
	}
	return err
}

// watch asks the daemon from time to time who it is.
func (d daemon) watch(ctx context.Context, hangs context.CancelCauseFunc) {
	tick := time.NewTicker(d.hang / 6)
	defer tick.Stop()
	for heard := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asking, cancel := context.WithTimeout(ctx, d.hang/6)
		if d.ask(asking) == nil {
			heard = time.Now()
		}
		cancel()
		if time.Since(heard) >= d.hang {
			hangs(errHangs)
			return
		}
	}
}
