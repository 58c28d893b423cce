package ctrd

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
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

// A shim without a task is at work while anything but an orphan of runc's runs below it.
func TestWhatIsAtWork(t *testing.T) {
	init := machine.Process{Args: []string{"/usr/sbin/runc", "init"}}
	for name, tt := range map[string]struct {
		below []machine.Process
		want  bool
	}{
		"nothing":            {nil, false},
		"an orphaned init":   {[]machine.Process{init}, false},
		"runc and its init":  {[]machine.Process{{Args: []string{"runc", "--root", "/run/x", "create", "id"}}, init}, true},
		"a hook":             {[]machine.Process{init, {Args: []string{"/bin/sh", "hook"}}}, true},
		"another's init":     {[]machine.Process{{Args: []string{"/sbin/init", "init"}}}, true},
		"one without a name": {[]machine.Process{{}}, true},
	} {
		if got := isAtWork(tt.below); got != tt.want {
			t.Errorf("%s: %t; want %t", name, got, tt.want)
		}
	}
}

// A shim that doesn't answer is a leftover only where its bundle is gone, nothing runs below it, and nobody stopped it.
func TestShimsOfStartsThatWereCutOff(t *testing.T) {
	for name, tt := range map[string]struct {
		gone, child, stopped bool
		want                 shimAnswer
	}{
		"its bundle is gone":             {gone: true, want: shimIdle},
		"its bundle is there":            {want: shimSilent},
		"something runs below it":        {gone: true, child: true, want: shimSilent},
		"somebody stopped it":            {gone: true, stopped: true, want: shimSilent},
		"stopped, and its bundle stands": {stopped: true, want: shimSilent},
	} {
		t.Run(name, func(t *testing.T) {
			bundle := filepath.Join(t.TempDir(), "bundle")
			script := "echo ready; read x"
			if tt.child {
				script = "sleep 1000 & echo ready; read x; kill $!"
			}
			cmd := exec.Command("sh", "-c", script)
			in, err := cmd.StdinPipe()
			out, oerr := cmd.StdoutPipe()
			if err := errors.Join(err, oerr, os.Mkdir(bundle, 0o700)); err != nil {
				t.Fatal(err)
			}
			cmd.Dir = bundle
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = cmd.Process.Signal(syscall.SIGCONT)
				_ = in.Close()
				_ = cmd.Wait()
			}()
			if _, err := out.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			if tt.gone {
				if err := os.Remove(bundle); err != nil {
					t.Fatal(err)
				}
			}
			if tt.stopped {
				_ = cmd.Process.Signal(syscall.SIGSTOP)
			}
			for now, ok := machine.Look(cmd.Process.Pid); ok && now.Stopped() != tt.stopped || now.State == 'R'; now, ok = machine.Look(cmd.Process.Pid) {
				time.Sleep(time.Millisecond)
			}
			shim, _ := machine.Look(cmd.Process.Pid)
			if got := unreachable(shim, context.DeadlineExceeded); got != tt.want {
				t.Errorf("it is %v; want %v", got, tt.want)
			}
		})
	}
}
