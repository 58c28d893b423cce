package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

// crashBefore and crashAfter differ by a container that is made, one that is replaced, one that is stopped, one that is
// removed, and an image that is untagged.
const (
	crashBefore = `stack "s" {}
image "app" {
  name = "example.com/app:1"
  load = "one.tar"
}
image "old" {
  name = "example.com/old:1"
  load = "two.tar"
}
container "stays" {
  image        = image.app
  network_mode = "none"
}
container "replaced" {
  image        = image.app
  network_mode = "none"
  restart      = "always"
  env          = { WHICH = "one" }
}
container "stopped" {
  image        = image.app
  network_mode = "none"
}
container "removed" {
  image        = image.old
  network_mode = "none"
}
`
	crashAfter = `stack "s" {}
image "app" {
  name = "example.com/app:1"
  load = "one.tar"
}
container "stays" {
  image        = image.app
  network_mode = "none"
}
container "replaced" {
  image        = image.app
  network_mode = "none"
  restart      = "always"
  env          = { WHICH = "two" }
}
container "stopped" {
  image        = image.app
  network_mode = "none"
  state        = "stopped"
}
container "made" {
  image        = image.app
  network_mode = "none"
}
`
)

// killedAt applies and kills fairlead as it is about to make its nth call that writes, which never reaches containerd. It
// says whether the apply lasted that long.
func (l *lab) killedAt(nth int) bool {
	return l.killedWhen(func(n int, _ string) bool { return n >= nth })
}

// killedWhen does that at the first call that is said to be it, and lets none through from then on.
func (l *lab) killedWhen(now func(n int, method string) bool) bool {
	cmd := l.command("apply", "--yes")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	killed := false
	started := make(chan struct{})
	l.arm(func(n int, method string) error {
		<-started
		l.mu.Lock()
		if !killed && !now(n, method) {
			l.mu.Unlock()
			return nil
		}
		killed = true
		l.mu.Unlock()
		_ = cmd.Process.Kill()
		time.Sleep(10 * time.Millisecond)
		return status.Error(codes.Unavailable, "killed")
	})
	defer l.arm(nil)
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	close(started)
	err := cmd.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && !killed {
		l.t.Fatalf("apply: %v\n%s", err, out.String())
	}
	return killed
}

// crashClean is what the host holds after an apply of crashAfter that nobody killed, and how long that apply took.
func crashClean(t *testing.T, d *harness.Daemon) ([]string, time.Duration) {
	l := newLab(t, d)
	l.write(crashBefore)
	l.must("apply", "--yes")
	l.write(crashAfter)
	begun := time.Now()
	l.must("apply", "--yes")
	took := time.Since(begun)
	want := l.converge()
	l.must("destroy", "--yes")
	return want, took
}

// crashed applies crashBefore, has crashAfter cut off, and demands that the next apply leaves what one that nobody cut off leaves.
func crashed(t *testing.T, d *harness.Daemon, want []string, cutOff func(l *lab)) {
	l := newLab(t, d)
	l.write(crashBefore)
	l.must("apply", "--yes")
	l.write(crashAfter)
	cutOff(l)
	if got := l.converge(); !slices.Equal(got, want) {
		writes := l.proxy.Writes()
		t.Errorf("after %d calls that write, the last %s:\n  %s\nwanted:\n  %s", len(writes), writes[len(writes)-1],
			strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	l.must("destroy", "--yes")
}

// full tells whether what takes long is wanted too.
func full() bool { return os.Getenv("FAIRLEAD_TEST_FULL") != "" }

// TestKilledAtEachCall kills fairlead before each call that writes; the next apply converges, and the host holds just what it
// holds after an apply that nobody killed. Without FAIRLEAD_TEST_FULL it takes a few of them.
func TestKilledAtEachCall(t *testing.T) {
	shared.start(t)
	stride := 7
	if full() {
		stride = 1
	}
	eachDaemon(t, func(t *testing.T, d *harness.Daemon) {
		want, _ := crashClean(t, d)
		for n, more := 1, true; more && !t.Failed(); n += stride {
			t.Run(fmt.Sprintf("call %d", n), func(t *testing.T) {
				crashed(t, d, want, func(l *lab) { more = l.killedAt(n) })
			})
		}
	})
}

// TestKilledAtAnyTime kills fairlead at random instants, between calls and within.
func TestKilledAtAnyTime(t *testing.T) {
	shared.start(t)
	times := 3
	if full() {
		times = 40
	}
	seed := testSeed(t)
	eachDaemon(t, func(t *testing.T, d *harness.Daemon) {
		random := rand.New(rand.NewPCG(seed, 0)) // of its own: the daemons are tested side by side
		want, took := crashClean(t, d)
		for range times {
			after := time.Duration(random.Int64N(int64(took)))
			t.Run(after.String(), func(t *testing.T) {
				crashed(t, d, want, func(l *lab) { l.killedAfter(after) })
			})
		}
	})
}

// killedAfter applies, and kills fairlead after a while, if it hasn't ended by then.
func (l *lab) killedAfter(d time.Duration) {
	cmd := l.command("apply", "--yes")
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	time.Sleep(d)
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()
}
