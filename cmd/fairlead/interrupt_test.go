package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

// interruptedIn applies, and interrupts fairlead that often when the call is about to be made for the first time; hold is whether the call gets no
// answer until fairlead has ended.
func (l *lab) interruptedIn(call string, times int, hold bool) {
	l.t.Helper()
	cmd := l.command("apply", "--yes")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	started, ended := make(chan struct{}), make(chan struct{})
	var once sync.Once
	l.arm(func(_ int, method string) error {
		<-started
		if strings.HasSuffix(method, call) {
			once.Do(func() {
				for range times {
					_ = cmd.Process.Signal(syscall.SIGINT) // the second may have ended it
					time.Sleep(20 * time.Millisecond)      // signals of one kind that are on their way are one
				}
				if hold {
					<-ended
				}
			})
		}
		return nil
	})
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	close(started)
	l.endsInterrupted(cmd, &out, ended)
	l.arm(nil)
}

// endsInterrupted waits for a program's end, which must be that of an interrupt.
func (l *lab) endsInterrupted(cmd *exec.Cmd, out *bytes.Buffer, ended chan struct{}) {
	l.t.Helper()
	timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	close(ended)
	var exit *exec.ExitError
	switch {
	case !timer.Stop():
		l.t.Errorf("it does not end:\n%s", out.String())
	case !errors.As(err, &exit) || exit.ExitCode() != exitInterrupt:
		l.t.Errorf("%v, want exit code %d\n%s", err, exitInterrupt, out.String())
	case strings.Contains(out.String(), "goroutine"):
		l.t.Errorf("it crashed:\n%s", out.String())
	}
}

// An interrupt in each phase of an apply ends it in order, with the exit code of all interrupts: what changes the host ends, what takes long and
// changes nothing yet is cut off at once, though containerd never answers. A second one ends all at once, a third one changes nothing. The
// lock is free then, and the next apply brings what one that nobody interrupted brings.
func TestInterruptedInEachPhase(t *testing.T) {
	shared.start(t)
	d := shared.daemons[1]
	want, _ := crashClean(t, d)
	for _, c := range []struct {
		phase, call string
		times       int
		hold        bool
	}{
		{"the begin", "Leases/Create", 1, false},
		{"create", "Containers/Create", 1, false},
		{"stop", "Tasks/Kill", 1, false},
		{"the rest of a replacement", "Tasks/Create", 1, false},
		{"start", "Tasks/Start", 1, false},
		{"remove", "Containers/Delete", 1, false},
		{"untag", "Images/Delete", 1, false},
		{"the end", "Leases/Delete", 1, false},
		{"stop, twice", "Tasks/Kill", 2, true},
		{"start, three times", "Tasks/Start", 3, true},
		{"the end, twice", "Leases/Delete", 2, true},
	} {
		t.Run(c.phase, func(t *testing.T) {
			crashed(t, d, want, func(l *lab) { l.interruptedIn(c.call, c.times, c.hold) })
		})
	}
	for _, call := range []string{"Content/Write", "Snapshots/Prepare", "Images/Create"} {
		t.Run("load, "+call, func(t *testing.T) {
			l := newLab(t, d)
			l.write("stack \"s\" {}\nimage \"app\" { load = \"one.tar\" }\n")
			l.interruptedIn(call, 1, true)
			l.converge()
			l.must("destroy", "--yes")
		})
	}
}

// By hand, one interrupt ends what a registry or a server never answers.
func TestInterruptedTransfers(t *testing.T) {
	shared.start(t)
	l := newLab(t, shared.daemons[1])
	reg := harness.NewRegistry(false, false)
	defer reg.Stop()
	img, err := shared.probes.Image(harness.ImageOptions{Version: "1"})
	if err == nil {
		err = reg.Push(t.Context(), "app:1", img)
	}
	if err != nil {
		t.Fatal(err)
	}
	l.must("load", "two.tar")
	defer l.must("untag", "example.com/x:2")
	for _, c := range []struct {
		name, path string // the first request whose method and path have that gets no answer
		args       []string
	}{
		{"pull, what its tag stands for", "/manifests/", []string{"pull", "REGISTRY/app:1"}},
		{"pull, a layer", "GET /v2/app/blobs/", []string{"pull", "REGISTRY/app:1"}},
		{"push, a layer", "POST /v2/new/blobs/uploads/", []string{"push", "example.com/x:2", "REGISTRY/new:1"}},
		{"import, a file system", "GET /rootfs.tar", []string{"import", "http://REGISTRY/rootfs.tar", "example.com/rootfs:1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var cmd *exec.Cmd
			started, ended := make(chan struct{}), make(chan struct{})
			target, _ := url.Parse("http://" + reg.Host)
			pass := httputil.NewSingleHostReverseProxy(target)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				<-started
				if strings.Contains(r.Method+" "+r.URL.Path, c.path) {
					_ = cmd.Process.Signal(syscall.SIGINT)
					<-ended
				}
				pass.ServeHTTP(w, r)
			}))
			defer server.Close()
			var args []string
			for _, a := range c.args {
				args = append(args, strings.ReplaceAll(a, "REGISTRY", strings.TrimPrefix(server.URL, "http://")))
			}
			var out bytes.Buffer
			cmd = l.command(args...)
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			close(started)
			l.endsInterrupted(cmd, &out, ended)
		})
	}
}
