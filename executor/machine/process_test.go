package machine

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// child starts a shell that says its line once it runs it, and is reaped when it ends.
func child(t *testing.T, script string) Process {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script, "fairlead-test-"+t.Name())
	if _, err := cmd.StdinPipe(); err != nil { // which nobody writes to: a read from it waits, without another process
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-done })
	p, ok := Look(cmd.Process.Pid)
	if !ok {
		t.Fatal("the child is not there")
	}
	return p
}

func TestProcessIsFoundAndKnownAgain(t *testing.T) {
	p := child(t, "echo up; read line") // a shell that starts a program has its own arguments for a moment
	found := ByArgs(func(args []string) bool { return slices.Contains(args, "fairlead-test-"+t.Name()) })
	if len(found) != 1 || found[0].PID != p.PID || found[0].Parent != os.Getpid() {
		t.Fatalf("found %+v", found)
	}
	self, _ := Look(os.Getpid())
	if !slices.ContainsFunc(self.Descendants(), func(d Process) bool { return d.PID == p.PID }) {
		t.Error("it is no descendant of its parent")
	}
}

func TestListens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	self, _ := Look(os.Getpid())
	if got := self.Listens(); !slices.Contains(got, path) {
		t.Errorf("listens on %q, want %q among them", got, path)
	}
}

func TestGroupOf(t *testing.T) {
	const id = "5f0c0ffee"
	for file, want := range map[string]string{
		"0::/default/5f0c0ffee\n":                                        id,
		"9:name=systemd:/\n8:pids:/default/5f0c0ffee\n0::/\n":            id,
		"0::/default/5f0c0ffee/init.scope\n":                             id,
		"0::/system.slice/nerdctl-5f0c0ffee.scope\n":                     id,
		"0::/system.slice/nerdctl-5f0c0ffee\n":                           "",
		"0::/default/5f0c0ffee0\n":                                       "",
		"1:cpu,cpuacct:/user.slice\n0::/user.slice/session-5f0c.scope\n": "",
		"":  "",
		"x": "",
	} {
		if got := groupOf(file, map[string]bool{id: true}); got != want {
			t.Errorf("%q: %q, want %q", file, got, want)
		}
	}
}

// A number that was given again names another process: it must not be signalled.
func TestOnlyTheProcessThatWasFoundIsSignalled(t *testing.T) {
	p := child(t, "echo up; while :; do sleep 1; done")
	for name, other := range map[string]Process{
		"began at another time": {PID: p.PID, Started: p.Started + time.Second, Args: p.Args},
		"runs something else":   {PID: p.PID, Started: p.Started, Args: []string{"containerd-shim-runc-v2"}},
		"is not there":          {PID: 1 << 22, Started: p.Started, Args: p.Args},
	} {
		if err := other.Signal(syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%s: %v", name, err)
		}
		if err := other.Kill(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := other.End(context.Background(), time.Minute); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !p.Lives() {
		t.Error("the process was ended for another one")
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if !p.await(ctx) {
		t.Error("it lives on")
	}
	if err := p.Signal(0); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("after its end: %v", err)
	}
}

func TestEnd(t *testing.T) {
	for name, script := range map[string]string{
		"ends when asked":      "echo up; while :; do sleep 0.05; done",
		"doesn't hear":         "trap '' TERM; echo up; while :; do sleep 0.05; done",
		"is stopped (SIGSTOP)": "echo up; kill -STOP $$; exit",
	} {
		t.Run(name, func(t *testing.T) {
			p := child(t, script)
			ctx, cancel := context.WithCancel(context.Background())
			if strings.Contains(name, "asked") {
				defer cancel()
			} else {
				cancel() // the grace needn't be waited for
			}
			if err := p.End(ctx, time.Minute); err != nil {
				t.Fatal(err)
			}
			if p.Lives() {
				t.Error("it lives on")
			}
		})
	}
}
