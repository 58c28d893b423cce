package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

// tmpfs mounts a small disk at dir, and gives what takes it away.
func tmpfs(t *testing.T, dir, size string) func() {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(end)
	return end
}

// TestBuildOnFullDisk: a build for which containerd's disk is too small, and one for which fairlead's own is, say so; nothing is left of
// the try, what runs runs on, and with room the next apply converges.
func TestBuildOnFullDisk(t *testing.T) {
	shared.start(t)
	eachDaemon(t, func(t *testing.T, d *harness.Daemon) {
		l := newBuildLab(t, smallDaemon(t, d, "160m"))
		l.settle()
		before := l.pids()

		big := string(harness.Noise("big", 100<<20))
		l.text(big)
		l.full()
		l.clean()
		l.untouched(before)
		l.forget()
		l.text("b")
		l.settle()

		l.text("c")
		before = l.pids()
		root := filepath.Join(l.dataRoot(), "buildkit")
		unmount := tmpfs(t, root, "128k")
		l.full()
		l.untouched(before)
		l.ok(unix.Mount("", root, "", unix.MS_REMOUNT, "size=64m"))
		l.must("apply", "--yes")
		l.must("plan", "--detailed-exitcode")
		unmount()
		l.clean()
		l.must("destroy", "--yes")
	})
}

// full applies, which must say that a disk is full.
func (l *buildLab) full() {
	l.t.Helper()
	out, err := l.try("apply", "--yes")
	for _, w := range []string{"no space left on device", "s.fairlead.hcl:2", "The disk is full", "fairlead doctor"} {
		if err == nil || !strings.Contains(out, w) {
			l.t.Errorf("apply on a full disk (%v): no %q in\n%s", err, w, out)
		}
	}
}
