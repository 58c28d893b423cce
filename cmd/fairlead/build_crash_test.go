package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
	"github.com/fairlead-dev/fairlead/executor/machine"
)

// running is an apply that is under way.
type running struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

func (l *buildLab) start() *running {
	l.t.Helper()
	r := &running{cmd: l.command("apply", "--yes")}
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	l.ok(r.cmd.Start())
	return r
}

// wait gives the exit code and the output.
func (r *running) wait() (int, string) {
	err := r.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), r.out.String()
	}
	return 0, r.out.String()
}

// builders gives the processes of the own buildkitd.
func (l *buildLab) builders() []machine.Process { return harness.RunWith(l.dataRoot() + "/buildkit/") }

// untouched demands that all containers run on.
func (l *buildLab) untouched(before map[string]uint32) {
	l.t.Helper()
	if now := l.pids(); !maps.Equal(before, now) {
		l.t.Errorf("processes were %v, and are %v", before, now)
	}
}

// killedInRun kills fairlead alone: its buildkitd is told by the kernel.
func killedInRun(l *buildLab) {
	before := l.pids()
	r := l.start()
	l.inRun()
	_ = r.cmd.Process.Kill()
	r.wait()
	l.untouched(before)
}

// bothKilledInRun kills fairlead and its buildkitd.
func bothKilledInRun(l *buildLab) {
	before := l.pids()
	r := l.start()
	l.inRun()
	builders := l.builders()
	_ = r.cmd.Process.Kill()
	for _, p := range builders {
		_ = p.Kill()
	}
	r.wait()
	l.untouched(before)
}

// nextDoesNotBuild: both are killed, and what was to be built is not wanted any more. What is left goes all the same.
func nextDoesNotBuild(l *buildLab) {
	bothKilledInRun(l)
	l.write(strings.Replace(buildStack, `build { context = "./src" }`, `load = "two.tar"`, 1))
	l.must("apply", "--yes")
	l.clean()
	l.write(buildStack)
}

// builderKilledInRun kills buildkitd: the apply fails and says so.
func builderKilledInRun(l *buildLab) {
	before := l.pids()
	r := l.start()
	l.inRun()
	for _, p := range l.builders() {
		_ = p.Kill()
	}
	code, out := r.wait()
	if code != 1 || !strings.Contains(out, "it ended in the middle of the build") || !strings.Contains(out, "Build again") {
		l.t.Errorf("exit code %d\n%s", code, out)
	}
	l.untouched(before)
	l.clean()
}

// killedAtMethod kills fairlead as somebody makes the first call of a method, which never reaches containerd.
func killedAtMethod(suffix string) func(l *buildLab) {
	return func(l *buildLab) {
		before := l.pids()
		if !l.killedWhen(func(_ int, method string) bool { return strings.HasSuffix(method, suffix) }) {
			l.t.Errorf("there was no call of %s", suffix)
		}
		l.untouched(before)
	}
}

// daemonEndsInRun ends containerd, and starts it again when the apply has said so.
func daemonEndsInRun(signal syscall.Signal) func(l *buildLab) {
	return func(l *buildLab) {
		before := l.pids()
		r := l.start()
		l.inRun()
		l.daemon.Stop(signal)
		code, out := r.wait()
		if code != 1 || !strings.Contains(out, "containerd at "+l.proxy.Address) && !strings.Contains(out, "it ended in the middle of the build") {
			l.t.Errorf("exit code %d\n%s", code, out)
		}
		l.ok(l.daemon.Start())
		l.untouched(before)
	}
}

// interrupted is Ctrl-C, at the terminal's whole process group as there: the build is cancelled, and leaves nothing.
func interrupted(l *buildLab) {
	before := l.pids()
	cmd := l.command("apply", "--yes")
	r := &running{cmd: cmd}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stdout, cmd.Stderr = &r.out, &r.out
	l.ok(cmd.Start())
	l.inRun()
	l.ok(syscall.Kill(-cmd.Process.Pid, syscall.SIGINT))
	code, out := r.wait() // the build would take for ever
	if code != exitInterrupt || strings.Count(out, "\nInterrupted: ") != 1 || !strings.Contains(out, "\nfairlead: interrupted: 7 of 7 steps not done\n") ||
		strings.Contains(out, "ERROR") || strings.Contains(out, context.Canceled.Error()) {
		l.t.Errorf("exit code %d\n%s", code, out)
	}
	l.clean()
	l.untouched(before)
}

// interruptedTwice ends at once.
func interruptedTwice(l *buildLab) {
	r := l.start()
	l.inRun()
	l.ok(r.cmd.Process.Signal(syscall.SIGINT))
	time.Sleep(20 * time.Millisecond)
	_ = r.cmd.Process.Signal(syscall.SIGINT)
	code, out := r.wait()
	if code != exitInterrupt {
		l.t.Errorf("exit code %d\n%s", code, out)
	}
}

// TestBuildCutOff: killed, interrupted or left alone by its builder or containerd in the middle of a build, the next apply converges
// and nothing of the build stays.
func TestBuildCutOff(t *testing.T) {
	shared.start(t)
	all := []cutOff{
		{"fairlead is killed in a RUN", killedInRun},
		{"fairlead and buildkitd are killed in a RUN", bothKilledInRun},
		{"they are, and the next apply does not build", nextDoesNotBuild},
		{"buildkitd is killed in a RUN", builderKilledInRun},
		{"fairlead is killed as the first content is written", killedAtMethod("Content/Write")},
		{"fairlead is killed as the builder makes its record", killedAtMethod("Images/Create")},
		{"containerd is killed in a RUN", daemonEndsInRun(syscall.SIGKILL)},
		{"containerd is stopped in a RUN", daemonEndsInRun(syscall.SIGTERM)},
		{"interrupted in a RUN", interrupted},
		{"interrupted twice in a RUN", interruptedTwice},
	}
	eachDaemon(t, func(t *testing.T, d *harness.Daemon) {
		i := slices.Index(shared.daemons, d)
		var some []cutOff
		for n, c := range all {
			if full() || n%len(shared.daemons) == i { // each takes some seconds
				some = append(some, c)
			}
		}
		cutOffs(t, d, some)
	})
}

// TestBuildKilledAtEachCall kills fairlead before calls that write, its own and its buildkitd's.
func TestBuildKilledAtEachCall(t *testing.T) {
	shared.start(t)
	if !full() {
		t.Skip("it takes minutes: FAIRLEAD_TEST_FULL=1")
	}
	eachDaemon(t, func(t *testing.T, d *harness.Daemon) {
		n, more := 1, true
		for more && !t.Failed() {
			var some []cutOff
			for range 8 { // in one lab: making one takes long
				nth := n
				some = append(some, cutOff{fmt.Sprintf("call %d", nth), func(l *buildLab) {
					more = l.killedWhen(func(i int, _ string) bool { return i >= nth })
				}})
				n += 3
			}
			cutOffs(t, d, some)
		}
	})
}

// TestBuildKilledAtAnyTime kills fairlead at random instants of an apply that builds.
func TestBuildKilledAtAnyTime(t *testing.T) {
	shared.start(t)
	times := 1
	if full() {
		times = 30
	}
	seed := testSeed(t)
	eachDaemon(t, func(t *testing.T, d *harness.Daemon) {
		random := rand.New(rand.NewPCG(seed, 0)) // of its own: the daemons are tested side by side
		var all []cutOff
		for range times {
			after := time.Duration(random.Int64N(int64(4 * time.Second)))
			all = append(all, cutOff{after.String(), func(l *buildLab) { l.killedAfter(after) }})
		}
		cutOffs(t, d, all)
	})
}
