package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

// lab is one stack's directory on one daemon, reached through a proxy.
type lab struct {
	t         *testing.T
	daemon    *harness.Daemon
	dir       string
	namespace string
	proxy     *harness.Proxy
	env       []string // more of fairlead's environment
	program   string   // another fairlead than the one that was built; "": that one

	mu   sync.Mutex
	hook func(n int, method string) error
	base int
}

// eachDaemon runs a test on every daemon, side by side: a test may end or restart the one that it is given.
func eachDaemon(t *testing.T, test func(t *testing.T, d *harness.Daemon)) {
	for _, d := range shared.daemons {
		t.Run(d.Version, func(t *testing.T) {
			t.Parallel()
			test(t, d)
		})
	}
}

// smallDaemon starts a containerd of d's version whose disk has just so much room.
func smallDaemon(t *testing.T, d *harness.Daemon, size string) *harness.Daemon {
	dir := filepath.Join(shared.dir, "small"+d.Version)
	tmpfs(t, dir, size)
	all := harness.Daemons(dir)
	small := all[slices.IndexFunc(all, func(other *harness.Daemon) bool { return other.Version == d.Version })]
	if err := small.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { small.Stop(syscall.SIGTERM) })
	return small
}

func newLab(t *testing.T, d *harness.Daemon) *lab {
	l := &lab{t: t, daemon: d, dir: t.TempDir(), namespace: fmt.Sprintf("c%d", shared.spaces.Add(1))}
	var err error
	l.proxy, err = harness.NewProxy(filepath.Join(shared.dir, l.namespace+".sock"), d.Address, func(n int, method string) error {
		l.mu.Lock()
		hook, base := l.hook, l.base
		if hook == nil {
			l.base = n
		}
		l.mu.Unlock()
		if hook == nil {
			return nil
		}
		return hook(n-base, method)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	for file, version := range map[string]string{"one.tar": "1", "two.tar": "2", "three.tar": "3"} {
		img, err := shared.probes.Image(harness.ImageOptions{Version: version})
		if err == nil {
			err = harness.Write(filepath.Join(l.dir, file), "example.com/x:"+version, harness.OCIArchive, img)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func (l *lab) close() {
	left, err := l.daemon.Leaks(l.namespace, l.dataRoot())
	l.proxy.Close()
	if err != nil {
		l.t.Error(err)
	}
	if len(left) > 0 && !l.t.Failed() {
		l.t.Errorf("left after destroy:\n  %s", strings.Join(left, "\n  "))
	}
}

func (l *lab) dataRoot() string { return filepath.Join(l.dir, "data") }

func (l *lab) write(text string) {
	if err := os.WriteFile(filepath.Join(l.dir, "s.fairlead.hcl"), []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
}

// arm sets what happens before the calls that write, counted from now.
func (l *lab) arm(hook func(n int, method string) error) {
	l.mu.Lock()
	l.hook = hook
	l.mu.Unlock()
}

func (l *lab) command(args ...string) *exec.Cmd {
	cmd := exec.Command(cmp.Or(l.program, filepath.Join(shared.bin, "fairlead")), args...)
	cmd.Dir = l.dir
	cmd.Env = append(os.Environ(), "CONTAINERD_ADDRESS="+l.proxy.Address, "CONTAINERD_NAMESPACE="+l.namespace, "DATAROOT="+l.dataRoot(), "NO_COLOR=1")
	cmd.Env = append(cmd.Env, l.env...)
	return cmd
}

// try runs fairlead, and gives what it wrote.
func (l *lab) try(args ...string) (string, error) {
	out, err := l.command(args...).CombinedOutput()
	return string(out), err
}

// must runs fairlead, which must succeed.
func (l *lab) must(args ...string) {
	l.t.Helper()
	if out, err := l.try(args...); err != nil {
		l.t.Fatalf("fairlead %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

var (
	hexID = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	pid   = regexp.MustCompile(`^shim \d+`)
)

// inventory is what the namespace holds, without what differs from run to run.
func (l *lab) inventory() []string {
	lines, err := l.daemon.Inventory(l.namespace)
	if err != nil {
		l.t.Fatal(err)
	}
	for i, line := range lines {
		if strings.HasPrefix(line, "content ") || strings.HasPrefix(line, "snapshot sha256:") {
			continue
		}
		line = pid.ReplaceAllString(hexID.ReplaceAllString(line, "ID"), "shim")
		lines[i] = strings.ReplaceAll(line, l.namespace, "NS")
	}
	slices.Sort(lines)
	return lines
}

// converge applies until the end, checks that the plan is empty, and gives what is there.
func (l *lab) converge() []string {
	l.must("apply", "--yes")
	l.must("plan", "--detailed-exitcode")
	return l.inventory()
}

// testSeed is of a test's random choices. FAIRLEAD_TEST_SEED repeats them.
func testSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("FAIRLEAD_TEST_SEED"); s != "" {
		if _, err := fmt.Sscan(s, &seed); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("FAIRLEAD_TEST_SEED=%d", seed)
	return seed
}
