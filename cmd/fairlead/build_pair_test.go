package main

import (
	"os"
	"strings"
	"testing"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

// TestTwoStacksBuildAtOnce: two applies of two stacks in one namespace build at the same time. There is one builder: one of them waits, says
// for whom, and both succeed.
func TestTwoStacksBuildAtOnce(t *testing.T) {
	shared.start(t)
	eachDaemon(t, func(t *testing.T, d *harness.Daemon) {
		l := newBuildLab(t, d)
		other := &lab{t: t, daemon: d, namespace: l.namespace, proxy: l.proxy, dir: l.dir + "z"}
		other.env = append(other.env, l.env...)
		other.env = append(other.env, "DATAROOT="+l.dataRoot())
		l.ok(os.CopyFS(other.dir, os.DirFS(l.dir)))
		t.Cleanup(func() { _ = os.RemoveAll(other.dir) })
		second := &buildLab{lab: other, mark: l.mark}
		second.write(strings.NewReplacer(`stack "s"`, `stack "z"`, "example.com/one:1", "example.com/other:1").Replace(buildStack))

		first := l.start()
		l.inRun()
		waits := second.start()
		code, out := first.wait()
		if code != 0 {
			t.Errorf("first: exit code %d\n%s", code, out)
		}
		code, out = waits.wait()
		if code != 0 || !strings.Contains(out, "waiting for the builder, which stack s, process ") {
			t.Errorf("second: exit code %d\n%s", code, out)
		}
		for _, each := range []*buildLab{l, second} {
			each.must("plan", "--detailed-exitcode")
		}
		l.clean()
		l.must("destroy", "--yes")
		second.must("destroy", "--yes")
	})
}
