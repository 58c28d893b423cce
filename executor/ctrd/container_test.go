package ctrd

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/fairlead-dev/fairlead/executor/archive"
	"github.com/fairlead-dev/fairlead/executor/ctrd/ctrdtest"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// host is a private containerd with a writer, a reader and an image of busybox on it.
type host struct {
	*testing.T
	daemon *ctrdtest.Daemon
	w      *Writer
	ctx    context.Context
	opts   Options
	digest string // of the image
	ids    []string
}

const testImage = "example.com/busybox:1"

// onHosts runs f on each version of containerd, in an apply of the stack shop, and fails if anything is left afterwards.
func onHosts(t *testing.T, f func(h *host)) {
	ctrdtest.Each(t, func(t *testing.T, d *ctrdtest.Daemon) {
		h := &host{T: t, daemon: d, opts: Options{Address: d.Address, Namespace: ctrdtest.Namespace, DataRoot: filepath.Join(d.Dir, "data")}}
		w, err := OpenWriter(context.Background(), h.opts)
		h.must(err)
		h.w = w
		t.Cleanup(func() { w.Close() })
		ctx, end, err := w.Begin(context.Background(), "shop")
		h.must(err)
		h.ctx = ctx
		h.load(busybox(t))
		f(h)
		h.clear()
		h.must(end(context.Background()))
		h.wantNothing()
	})
}

func (h *host) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// busybox makes an image with busybox and a user in it.
func busybox(t *testing.T) v1.Image {
	t.Helper()
	bin, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skip("busybox-static is not there: `make deps` gets it")
	}
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, f := range []struct {
		name string
		mode int64
		data []byte
	}{
		{"bin/", 0o755, nil}, {"etc/", 0o755, nil}, {"tmp/", 0o777, nil}, {"bin/busybox", 0o755, bin},
		{"etc/passwd", 0o644, []byte("root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n")},
		{"etc/group", 0o644, []byte("root:x:0:\napp:x:1000:\naudio:x:29:\nvideo:x:44:app\n")},
	} {
		hdr := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), Typeflag: tar.TypeReg}
		if strings.HasSuffix(f.name, "/") {
			hdr.Typeflag = tar.TypeDir
		}
		if err := tw.WriteHeader(hdr); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(f.data); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range []string{"sh", "cat", "sleep", "true", "false", "id", "hostname", "env", "pwd", "mount", "ls", "touch"} {
		if err := tw.WriteHeader(&tar.Header{Name: "bin/" + l, Linkname: "busybox", Typeflag: tar.TypeSymlink, Mode: 0o777}); err != nil {
			t.Fatal(err)
		}
	}
	tw.Close()
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	cf, _ := img.ConfigFile()
	cf = cf.DeepCopy()
	cf.OS, cf.Architecture = "linux", strings.TrimPrefix(HostPlatform(), "linux/")
	cf.Config.Env = []string{"PATH=/bin", "FROM_IMAGE=yes"}
	cf.Config.Entrypoint = []string{"/bin/sh", "-c"}
	cf.Config.Cmd = []string{"sleep 1000"}
	cf.Config.WorkingDir = "/tmp"
	cf.Config.Labels = map[string]string{"maker": "example", "fairlead/owner": "forged"}
	img, err = mutate.ConfigFile(img, cf)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func (h *host) load(img v1.Image) {
	h.Helper()
	path := filepath.Join(h.TempDir(), "image.tar")
	tag, _ := name.NewTag(testImage)
	h.must(tarball.WriteToFile(path, tag, img))
	a, err := archive.Open(h.Context(), path)
	h.must(err)
	found, err := a.Select(testImage)
	h.must(err)
	h.digest = found.Digest
	h.run(&planner.LoadImage{Name: testImage, Path: path, Digest: found.Digest, Fingerprint: a.Fingerprint,
		Owner: planner.Owner{Stack: "shop", Addr: spec.Addr{Kind: spec.KindImage, Name: "busybox"}}})
}

func (h *host) run(op planner.Op) {
	h.Helper()
	if err := h.w.Run(h.ctx, op, nil); err != nil {
		h.Fatalf("%T: %v", op, err)
	}
}

// fails runs an op that must fail with these words.
func (h *host) fails(op planner.Op, words ...string) error {
	h.Helper()
	err := h.w.Run(h.ctx, op, nil)
	if err == nil {
		h.Fatalf("%T: no error; want one with %q", op, words)
	}
	for _, s := range words {
		if !strings.Contains(err.Error(), s) {
			h.Errorf("%T: error is %q; want %q in it", op, err, s)
		}
	}
	return err
}

// want gives a container block in normal form.
func (h *host) want(label string, change func(*spec.Container)) *spec.Container {
	c := &spec.Container{
		Block: spec.Block{Addr: spec.Addr{Kind: spec.KindContainer, Name: label}}, Name: "shop-" + label,
		Image:       spec.ImageRef{Addr: spec.Addr{Kind: spec.KindImage, Name: "busybox"}, Name: testImage, Digest: h.digest},
		NetworkMode: spec.NetworkHost, Restart: spec.Restart{Policy: spec.RestartNo}, State: spec.StateRunning, Ready: spec.ReadyStarted,
		Update:   spec.Update{Strategy: spec.StopFirst, Within: 10 * time.Second, Rollback: true},
		Platform: HostPlatform(), Runtime: spec.DefaultRuntime, Snapshotter: "overlayfs",
	}
	if change != nil {
		change(c)
	}
	return c
}

func (h *host) owner(c *spec.Container) planner.Owner {
	return planner.Owner{Stack: "shop", Addr: c.Addr}
}

// create makes a container, and again, as after a crash.
func (h *host) create(c *spec.Container) string {
	h.Helper()
	id := newID()
	h.ids = append(h.ids, id)
	h.run(&planner.CreateContainer{ID: id, Want: c, Owner: h.owner(c)})
	h.run(&planner.CreateContainer{ID: id, Want: c, Owner: h.owner(c)})
	return id
}

// up makes a container and brings it up.
func (h *host) up(c *spec.Container) string {
	h.Helper()
	id := h.create(c)
	h.run(&planner.StartTask{ID: id, Name: c.Name})
	h.run(&planner.AwaitReady{ID: id, Name: c.Name, Ready: c.Ready, Within: 10 * time.Second})
	return id
}

func newID() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

func (h *host) observe() *planner.State {
	h.Helper()
	s, err := h.w.Observe(context.Background(), &spec.Config{Stack: spec.Stack{Name: "shop"}}, ObserveOptions{})
	h.must(err)
	return s
}

func (h *host) live(id string) *planner.LiveContainer {
	h.Helper()
	for _, l := range h.observe().Containers {
		if l.ID == id {
			return l
		}
	}
	h.Fatalf("container %s is not there", id)
	return nil
}

// same fails unless a container reads back as it was asked for.
func (h *host) same(id string, c *spec.Container) {
	h.Helper()
	if d := cmp.Diff(c, h.live(id).Spec); d != "" {
		h.Errorf("%s reads back differently (- asked, + there):\n%s", c.Name, d)
	}
}

func (h *host) labels(id string) map[string]string {
	h.Helper()
	c, err := h.w.client.ContainerService().Get(h.ctx, id)
	h.must(err)
	return c.Labels
}

// log waits until a container's log has text, and gives it.
func (h *host) log(id, text string) string {
	h.Helper()
	var b []byte
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		b, _ = os.ReadFile(h.w.logPath(h.labels(id)))
		if strings.Contains(string(b), text) {
			return string(b)
		}
	}
	h.Errorf("log of %s is %q; want %q in it", mark.ShortID(id), b, text)
	return string(b)
}

// clear removes all that the test made, with the ops that do it.
func (h *host) clear() {
	h.Helper()
	for _, id := range h.ids {
		h.run(&planner.StopTask{ID: id, Name: mark.ShortID(id), Signal: "SIGKILL", Timeout: time.Second})
		h.run(&planner.RemoveContainer{ID: id, Name: mark.ShortID(id)})
		h.run(&planner.RemoveContainer{ID: id, Name: mark.ShortID(id)})
	}
	h.run(&planner.UntagImage{Name: testImage})
}

// wantNothing fails if anything is left in the namespace or on the disk.
func (h *host) wantNothing() {
	h.Helper()
	ctx := namespaces.WithNamespace(context.Background(), ctrdtest.Namespace)
	var left []string
	s := h.observe()
	for _, c := range s.Containers {
		left = append(left, "container "+c.ID)
	}
	for n := range s.Images {
		left = append(left, "image "+n)
	}
	h.must(h.w.client.SnapshotService("overlayfs").Walk(ctx, func(_ context.Context, i snapshots.Info) error {
		left = append(left, "snapshot "+i.Name)
		return nil
	}))
	h.must(h.w.client.ContentStore().Walk(ctx, func(i content.Info) error {
		left = append(left, "content "+i.Digest.String())
		return nil
	}))
	leases, err := h.w.client.LeasesService().List(ctx)
	h.must(err)
	for _, l := range leases {
		left = append(left, "lease "+l.ID)
	}
	_ = filepath.WalkDir(h.opts.DataRoot, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && path != h.w.paths.Key() { // the host's key stays
			left = append(left, "file "+path)
		}
		return nil
	})
	if len(left) > 0 {
		slices.Sort(left)
		h.Errorf("left behind:\n%s", strings.Join(left, "\n"))
	}
}

func TestContainerLife(t *testing.T) {
	onHosts(t, func(h *host) {
		dir := h.TempDir()
		c := h.want("web", func(c *spec.Container) {
			c.Command = []string{"echo up; env; id; pwd; hostname; trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done"}
			c.Env = map[string]string{"LOG": "info", "FROM_IMAGE": "no"}
			c.User, c.Groups = "app", []string{"29", "audio"}
			c.WorkingDir = "/etc"
			c.Labels = map[string]string{"tier": "front", "empty": ""}
			c.Annotations = map[string]string{"note": "x"}
			c.NetworkMode = spec.NetworkNone
			c.Mounts = []spec.Mount{{Target: "/data", Bind: dir, ReadOnly: true}, {Target: "/run", Tmpfs: &spec.Tmpfs{Size: 1 << 20, Mode: "0700"}}}
			c.Restart = spec.Restart{Policy: spec.RestartAlways}
			c.StopTimeout = 1500 * time.Millisecond
			c.Lifecycle.PreventDestroy = true
			c.DependsOn = []spec.Addr{{Kind: spec.KindContainer, Name: "db"}}
		})
		id := h.create(c)
		l := h.live(id)
		if !l.Pending || l.Owner == nil || !l.Protected || l.Task.Status != planner.TaskNone || l.Name != "shop-web" || l.Digest != h.digest {
			h.Errorf("made container: %+v", l)
		}
		h.run(&planner.StartTask{ID: id, Name: c.Name})
		h.run(&planner.StartTask{ID: id, Name: c.Name})
		h.run(&planner.AwaitReady{ID: id, Name: c.Name, Ready: spec.ReadyStarted})
		h.run(&planner.AwaitReady{ID: id, Name: c.Name, Ready: spec.ReadyStarted})
		h.same(id, c)
		l = h.live(id)
		if l.Pending || l.Task.Status != planner.TaskRunning || l.Task.PID == 0 {
			h.Errorf("started container: %+v", l)
		}
		log := h.log(id, mark.ShortID(id))
		for _, line := range []string{"up", "LOG=info", "FROM_IMAGE=no", "uid=1000(app) gid=1000(app) groups=29(audio),44(video),1000(app)", "/etc"} {
			if !strings.Contains(log, line+"\n") {
				h.Errorf("log is %q; want the line %q", log, line)
			}
		}
		if got := h.labels(id); got["maker"] != "example" || got[mark.LabelOwner] != id || got[mark.RestartStatus] != "running" {
			h.Errorf("labels: %v", got)
		}

		h.run(&planner.PauseTask{ID: id, Name: c.Name})
		h.run(&planner.PauseTask{ID: id, Name: c.Name})
		if s := h.live(id).Task.Status; s != planner.TaskPaused {
			h.Errorf("status is %q after pause", s)
		}
		h.run(&planner.ResumeTask{ID: id, Name: c.Name})
		h.run(&planner.ResumeTask{ID: id, Name: c.Name})

		h.run(&planner.StopTask{ID: id, Name: c.Name, Timeout: 8 * time.Second})
		h.run(&planner.StopTask{ID: id, Name: c.Name, Timeout: 8 * time.Second})
		h.log(id, "bye")                    // which it writes at the signal
		time.Sleep(2500 * time.Millisecond) // the monitor looks each second
		l = h.live(id)
		if l.Task.Status != planner.TaskNone || l.Spec.Restart.Policy != spec.RestartNo {
			h.Errorf("stopped container: task %+v, restart %v", l.Task, l.Spec.Restart)
		}
		h.run(&planner.StartTask{ID: id, Name: c.Name})
		h.same(id, c)
	})
}

func TestJobAndFailures(t *testing.T) {
	onHosts(t, func(h *host) {
		job := h.want("job", func(c *spec.Container) { c.Ready = spec.ReadyCompleted; c.Command = []string{"echo done"} })
		id := h.up(job)
		if l := h.live(id); !l.Completed || l.Pending || l.Task.Status != planner.TaskStopped || l.Task.ExitCode != 0 {
			h.Errorf("job: %+v", l)
		}
		h.same(id, job)
		h.run(&planner.AwaitReady{ID: id, Name: "shop-job", Ready: spec.ReadyCompleted, Within: time.Second})

		bad := h.create(h.want("bad", func(c *spec.Container) { c.Command = []string{"echo one; echo two >&2; exit 3"} }))
		h.run(&planner.StartTask{ID: bad, Name: "shop-bad"})
		err := h.fails(&planner.AwaitReady{ID: bad, Name: "shop-bad", Ready: spec.ReadyStarted}, "container shop-bad", "exit code 3", "one", "two")
		var n *NotReady
		if !errors.As(err, &n) || len(n.Log) != 2 {
			h.Errorf("error is %#v", err)
		}
		if !h.live(bad).Pending {
			h.Error("a container that was never ready is not pending any more")
		}

		quick := h.create(h.want("quick", func(c *spec.Container) { c.Command = []string{"true"} }))
		h.run(&planner.StartTask{ID: quick, Name: "shop-quick"})
		h.fails(&planner.AwaitReady{ID: quick, Name: "shop-quick", Ready: spec.ReadyStarted}, `ready = "completed"`)

		slow := h.create(h.want("slow", func(c *spec.Container) { c.Ready = spec.ReadyCompleted }))
		h.run(&planner.StartTask{ID: slow, Name: "shop-slow"})
		h.fails(&planner.AwaitReady{ID: slow, Name: "shop-slow", Ready: spec.ReadyCompleted, Within: 200 * time.Millisecond}, "has not completed within 200ms", "update")

		none := h.create(h.want("none", func(c *spec.Container) { c.Entrypoint = []string{"/nope"} }))
		h.fails(&planner.StartTask{ID: none, Name: "shop-none"}, "cannot be started", "/nope", "no such file")
		if s := h.live(none).Task.Status; s != planner.TaskNone {
			h.Errorf("a task that could not be started is left: %s", s)
		}

		h.fails(&planner.CreateContainer{ID: newID(), Want: h.want("x", func(c *spec.Container) { c.User = "nobody-here" }), Owner: h.owner(job)}, `user "nobody-here"`, "/etc/passwd")
		h.fails(&planner.CreateContainer{ID: newID(), Want: h.want("x", func(c *spec.Container) { c.Mounts = []spec.Mount{{Target: "/x", Bind: "/no/such"}} }), Owner: h.owner(job)}, "/no/such does not exist")
		h.fails(&planner.CreateContainer{ID: newID(), Want: h.want("x", func(c *spec.Container) { c.Image.Digest = "sha256:" + strings.Repeat("0", 64) }), Owner: h.owner(job)}, "plan again")
		h.fails(&planner.CreateContainer{ID: newID(), Want: h.want("x", func(c *spec.Container) { c.Platform = "linux/s390x" }), Owner: h.owner(job)}, "has no linux/s390x")
		h.fails(&planner.CreateContainer{ID: newID(), Want: h.want("x", func(c *spec.Container) { c.Entrypoint = []string{} }), Owner: h.owner(job)}, "nothing to run")
		h.fails(&planner.CreateContainer{ID: newID(), Want: h.want("x", func(c *spec.Container) { c.Labels = map[string]string{"a": strings.Repeat("b", 4096)} }), Owner: h.owner(job)}, "label is too long")
	})
}
