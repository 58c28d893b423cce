package ctrd

import (
	"syscall"
	"testing"
	"time"

	"github.com/fairlead-dev/fairlead/executor/machine"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// A shim says itself what runs in it. One that is stopped says nothing: it is no leftover, its container is unknown, and steps leave it alone.
func TestShimsAreAsked(t *testing.T) {
	onHosts(t, func(h *host) {
		c := h.want("web", nil)
		id := h.create(c)
		h.run(&planner.StartTask{ID: id, Name: c.Name})
		h.run(&planner.AwaitReady{ID: id, Name: c.Name, Ready: spec.ReadyStarted})
		shims := shimsOf(h.opts.Namespace)[id]
		if len(shims) != 1 {
			h.Fatalf("shims: %v", shims)
		}
		shim := shims[0]
		if got := askShim(h.ctx, shim, h.opts.Namespace, id); got != shimRuns {
			h.Errorf("it says %v of a container that runs", got)
		}
		if got := askShim(h.ctx, shim, h.opts.Namespace, "another"); got == shimRuns {
			h.Errorf("it says %v of a container that it doesn't have", got)
		}
		h.must(shim.Signal(syscall.SIGSTOP))
		defer func() { _ = shim.Signal(syscall.SIGCONT) }()
		for now, ok := machine.Look(shim.PID); ok && !now.Stopped(); now, ok = machine.Look(shim.PID) {
			time.Sleep(time.Millisecond) // the kernel stops each of its threads
		}
		if got := askShim(h.ctx, shim, h.opts.Namespace, id); got != shimSilent {
			h.Errorf("it says %v, and is stopped", got)
		}
		if l := h.live(id); l.Task.Status != planner.TaskUnknown || int(l.Task.Shim) != shim.PID {
			h.Errorf("the task is %+v", l.Task)
		}
		h.must(h.w.endLeftovers(h.ctx, []string{id}))
		if !shim.Lives() {
			h.Error("it was ended as a leftover")
		}
		h.must(shim.Signal(syscall.SIGCONT))
		h.same(id, c)
		h.run(&planner.StopTask{ID: id, Name: c.Name, Signal: "SIGKILL"})
	})
}
