package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
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

// lab is one stack's directory on one daemon, reached through a proxy.
type lab struct {
	t         *testing.T
	daemon    *harness.Daemon
	dir       string
	namespace string
	proxy     *harness.Proxy

	mu   sync.Mutex
	hook func(n int, method string) error
	base int
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
	for file, version := range map[string]string{"one.tar": "1", "two.tar": "2"} {
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
	cmd := exec.Command(filepath.Join(shared.bin, "fairlead"), args...)
	cmd.Dir = l.dir
	cmd.Env = append(os.Environ(), "CONTAINERD_ADDRESS="+l.proxy.Address, "CONTAINERD_NAMESPACE="+l.namespace, "DATAROOT="+l.dataRoot(), "NO_COLOR=1")
	return cmd
}

// must runs fairlead, which must succeed.
func (l *lab) must(args ...string) {
	l.t.Helper()
	if out, err := l.command(args...).CombinedOutput(); err != nil {
		l.t.Fatalf("fairlead %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// killedAt applies and kills fairlead as it is about to make its nth call that writes, which never reaches containerd. It
// says whether the apply lasted that long.
func (l *lab) killedAt(nth int) bool {
	cmd := l.command("apply", "--yes")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	killed := false
	started := make(chan struct{})
	l.arm(func(n int, _ string) error {
		<-started
		if n < nth {
			return nil
		}
		l.mu.Lock()
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

// TestKilledAtEachCall kills fairlead before each call that writes; the next apply converges, and the host holds just what it
// holds after an apply that nobody killed. Without FAIRLEAD_TEST_FULL it takes a few of them.
func TestKilledAtEachCall(t *testing.T) {
	shared.start(t)
	stride := 7
	if os.Getenv("FAIRLEAD_TEST_FULL") != "" {
		stride = 1
	}
	for _, d := range shared.daemons {
		t.Run(d.Name, func(t *testing.T) {
			clean := newLab(t, d)
			clean.write(crashBefore)
			clean.must("apply", "--yes")
			clean.write(crashAfter)
			want := clean.converge()
			clean.must("destroy", "--yes")
			for n := 1; ; n += stride {
				if !killedOnce(t, d, n, want) {
					break
				}
			}
		})
	}
}

func killedOnce(t *testing.T, d *harness.Daemon, n int, want []string) (more bool) {
	t.Run(fmt.Sprintf("call %d", n), func(t *testing.T) {
		l := newLab(t, d)
		l.write(crashBefore)
		l.must("apply", "--yes")
		l.write(crashAfter)
		more = l.killedAt(n)
		if got := l.converge(); !slices.Equal(got, want) {
			t.Errorf("after a kill before call %d (%s):\n  %s\nwanted:\n  %s", n, l.proxy.Writes()[len(l.proxy.Writes())-1],
				strings.Join(got, "\n  "), strings.Join(want, "\n  "))
		}
		l.must("destroy", "--yes")
	})
	return more && !t.Failed()
}
