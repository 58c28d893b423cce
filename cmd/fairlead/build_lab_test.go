package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tasks "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/v2/pkg/namespaces"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

// buildLab is a lab whose stack builds an image in a buildkitd of fairlead's own, which talks to containerd through the lab's proxy too.
type buildLab struct {
	*lab
	mark string // in the environment of each RUN
}

const (
	buildStack = `stack "s" {}
image "app" {
  build { context = "./src" }
}
image "one" {
  name = "example.com/one:1"
  load = "one.tar"
}
container "web" {
  image        = image.app
  network_mode = "none"
}
container "stays" {
  image        = image.one
  network_mode = "none"
}
`
	buildDockerfile = `FROM scratch AS base
COPY busybox /bin/sh
FROM base
ARG MARK=%s
COPY text /text
RUN cat /text >/made; sleep 0.7
COPY text /again
STOPSIGNAL SIGKILL
CMD ["/bin/sh", "-c", "while :; do sleep 1; done"]
`
)

func newBuildLab(t *testing.T, d *harness.Daemon) *buildLab {
	l := &buildLab{lab: newLab(t, d)}
	tars := l.dir
	l.dir = filepath.Join(shared.dir, "b"+l.namespace) // short: the builder's sockets are in it
	l.mark = "MARK=" + l.dir
	l.env = []string{"BUILDKIT_HOST=own", "PATH=" + filepath.Join(shared.top, "bin") + ":" + os.Getenv("PATH")}
	l.ok(os.Rename(tars, l.dir))
	l.ok(os.Mkdir(tars, 0o755)) // the test removes it
	l.ok(os.Mkdir(filepath.Join(l.dir, "src"), 0o755))
	busybox, err := os.ReadFile("/bin/busybox")
	l.ok(err)
	l.ok(os.WriteFile(filepath.Join(l.dir, "src/busybox"), busybox, 0o755))
	l.file("src/Dockerfile", fmt.Sprintf(buildDockerfile, l.dir))
	l.text("a")
	l.write(buildStack)
	t.Cleanup(func() {
		l.forget()
		if !t.Failed() {
			_ = os.RemoveAll(l.dir)
		}
	})
	return l
}

func (l *buildLab) ok(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *buildLab) file(name, text string) {
	l.t.Helper()
	l.ok(os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o644))
}

// text changes what the image is built from.
func (l *buildLab) text(s string) { l.file("src/text", s+"\n") }

// forget takes the builder's cache away, so that the next build does all of its work.
func (l *buildLab) forget() {
	l.t.Helper()
	l.ok(l.daemon.DropBuilderCache(l.namespace))
	l.ok(os.RemoveAll(filepath.Join(l.dataRoot(), "buildkit")))
}

// clean demands that no build has left anything.
func (l *buildLab) clean() {
	l.t.Helper()
	left, err := l.daemon.BuildLeaks(l.proxy.Address, l.namespace, l.dataRoot(), l.mark)
	l.ok(err)
	if len(left) > 0 {
		l.t.Errorf("left of builds:\n  %s", strings.Join(left, "\n  "))
	}
}

// settle applies until the end, demands an empty plan and that nothing is left of any build, and gives what is there besides the cache.
func (l *buildLab) settle() []string {
	l.t.Helper()
	l.must("apply", "--yes")
	l.must("plan", "--detailed-exitcode")
	l.clean()
	l.forget()
	return l.inventory()
}

// pids gives the processes of the stack's containers, by address.
func (l *buildLab) pids() map[string]uint32 {
	l.t.Helper()
	client, err := l.daemon.Connect()
	l.ok(err)
	defer client.Close()
	ctx := namespaces.WithNamespace(l.t.Context(), l.namespace)
	all, err := client.ContainerService().List(ctx)
	l.ok(err)
	running, err := client.TaskService().List(ctx, &tasks.ListTasksRequest{})
	l.ok(err)
	out := map[string]uint32{}
	for _, c := range all {
		if c.Labels["fairlead/address"] == "" {
			continue // of a RUN
		}
		for _, t := range running.Tasks {
			if t.ID == c.ID {
				out[c.Labels["fairlead/address"]] = t.Pid
			}
		}
	}
	return out
}

// inRun waits until a RUN is under way.
func (l *buildLab) inRun() {
	l.t.Helper()
	l.until("a RUN is under way", func() bool { return len(harness.RunIn(l.mark)) > 0 })
}

func (l *buildLab) until(what string, is func() bool) {
	l.t.Helper()
	for end := time.Now().Add(90 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatalf("it took more than 30 s until %s", what)
		}
	}
}

// cutOff is one way in which an apply that builds doesn't reach its end.
type cutOff struct {
	name string
	do   func(l *buildLab)
}

// cutOffs has builds cut off, one after the other, and demands after each that the next apply leaves what one that nobody cut off
// leaves, and that a container which doesn't use the image runs on all the while.
func cutOffs(t *testing.T, d *harness.Daemon, all []cutOff) {
	l := newBuildLab(t, d)
	texts := []string{"a", "b"}
	want := map[string][]string{}
	for _, s := range texts {
		l.text(s)
		want[s] = l.settle()
	}
	before := l.pids()
	for i, c := range all {
		t.Run(c.name, func(t *testing.T) {
			was := l.t
			l.t = t
			defer func() { l.t = was }()
			s := texts[i%2]
			l.text(s)
			c.do(l)
			if got := l.settle(); !slices.Equal(got, want[s]) {
				t.Errorf("the host holds\n  %s\nwanted:\n  %s", strings.Join(got, "\n  "), strings.Join(want[s], "\n  "))
			}
			if now := l.pids(); now["container.stays"] != before["container.stays"] || now["container.web"] == 0 {
				t.Errorf("processes were %v, and are %v", before, now)
			}
		})
		if t.Failed() {
			break
		}
	}
	l.must("destroy", "--yes")
	l.clean()
}
