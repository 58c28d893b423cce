package ctrd

import (
	"testing"
	"time"

	"github.com/fairlead-dev/fairlead/executor/machine"
)

// A shim that starts a process is stuck only where nothing of it moves: slow hooks and virtual machines are progress, and one that was
// stopped, or hangs in the kernel, is slow through no fault of its own.
func TestProgressOfAStart(t *testing.T) {
	t0 := time.Unix(0, 0)
	hook := []machine.Process{{PID: 7}}
	for name, c := range map[string]struct {
		shim        machine.Process
		descendants []machine.Process
		stands      bool
	}{
		"waits for nothing":            {shim: machine.Process{State: 'S', CPU: time.Second}, stands: true},
		"its hook sleeps":              {shim: machine.Process{State: 'S', CPU: time.Second}, descendants: hook},
		"it works":                     {shim: machine.Process{State: 'S', CPU: 2 * time.Second}},
		"it runs":                      {shim: machine.Process{State: 'R', CPU: time.Second}},
		"somebody stopped it":          {shim: machine.Process{State: 'T', CPU: time.Second}},
		"it hangs in the kernel":       {shim: machine.Process{State: 'D', CPU: time.Second}},
		"a debugger has it":            {shim: machine.Process{State: 't', CPU: time.Second}},
		"a hook of a stopped shim":     {shim: machine.Process{State: 'T', CPU: time.Second}, descendants: hook},
		"its kernel thread is at rest": {shim: machine.Process{State: 'I', CPU: time.Second}, stands: true},
	} {
		first := startProgress{}.next(machine.Process{State: 'S', CPU: time.Second}, nil, t0)
		now := t0.Add(time.Hour)
		if got := first.next(c.shim, c.descendants, now).since.Equal(t0); got != c.stands {
			t.Errorf("%s: stands still: %v, want %v", name, got, c.stands)
		}
	}
}

// What the daemon doesn't know is ended only where nothing of it lives.
func TestUnknownTasksSayWhy(t *testing.T) {
	for _, c := range []struct {
		answer    shimAnswer
		shim      machine.Process
		processes []machine.Process
		want      string
	}{
		{shimWorks, machine.Process{PID: 5}, nil, "its shim, process 5, is starting it, and its runtime or a hook has not ended yet"},
		{shimRuns, machine.Process{PID: 5}, []machine.Process{{PID: 6}}, "its shim, process 5, runs, and containerd can't say what it does"},
		{shimGone, machine.Process{}, []machine.Process{{PID: 6}}, "its process 6 runs, and its shim is gone, so that containerd knows nothing of it: end it by hand"},
	} {
		if got := unknownTask(c.answer, c.shim, c.processes); got.Trouble != c.want || got.Status != "unknown" || int(got.Shim) != c.shim.PID {
			t.Errorf("%+v", got)
		}
	}
}
