package main

import (
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

// TestDaemonEndsDuringApply ends containerd before a call of an apply, by SIGKILL or as a restart does. The apply says in time that
// containerd went away, and what to do; once it is there again, the next apply converges.
func TestDaemonEndsDuringApply(t *testing.T) {
	shared.start(t)
	stride := 11
	if full() {
		stride = 2
	}
	eachDaemon(t, func(t *testing.T, d *harness.Daemon) {
		want, _ := crashClean(t, d)
		for n, reached := 2, true; reached && !t.Failed(); n += stride {
			signal := []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM}[n/stride%2]
			t.Run(fmt.Sprintf("call %d, %s", n, signal), func(t *testing.T) {
				crashed(t, d, want, func(l *lab) { reached = l.endsDaemonAt(n, signal) })
			})
		}
	})
}

// endsDaemonAt applies and ends containerd as fairlead makes its nth call that writes. It says whether the apply lasted that long.
func (l *lab) endsDaemonAt(nth int, signal syscall.Signal) bool {
	var ended atomic.Bool
	l.arm(func(n int, _ string) error {
		if n == nth {
			l.daemon.Stop(signal)
			ended.Store(true)
		}
		return nil
	})
	out, err := l.try("apply", "--yes")
	l.arm(nil)
	if !ended.Load() {
		if err != nil {
			l.t.Errorf("apply: %v\n%s", err, out)
		}
		return false
	}
	if err := l.daemon.Start(); err != nil {
		l.t.Fatal(err)
	}
	if err := l.proxy.Reconnect(); err != nil {
		l.t.Fatal(err)
	}
	if err == nil {
		l.t.Fatalf("an apply whose containerd ended before its call %d succeeded:\n%s", nth, out)
	}
	if !strings.Contains(out, "containerd at "+l.proxy.Address) || !strings.Contains(out, "run the command again") {
		l.t.Errorf("the error doesn't say that containerd went away and what to do:\n%s", out)
	}
	return true
}
