package ctrd

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

func TestRelabel(t *testing.T) {
	onHosts(t, func(h *host) {
		c := h.want("web", func(c *spec.Container) {
			c.Labels = map[string]string{"a": "1", "b": "2", "maker": "me"}
			c.Env = map[string]string{"SECRET": "value-of-secret"}
		})
		id := h.up(c)
		pid := h.live(id).Task.PID
		next := *c
		next.Labels = map[string]string{"a": "3", "c": ""}
		next.Restart = spec.Restart{Policy: spec.RestartOnFailure, Max: 3}
		next.StopSignal, next.StopTimeout = "SIGINT", 30*time.Second
		next.Lifecycle.PreventDestroy = true
		for range 2 {
			h.run(&planner.RelabelContainer{ID: id, Want: &next, Owner: h.owner(c)})
			h.same(id, &next)
		}
		got := h.labels(id)
		if got["maker"] != "example" || got["b"] != "" || got[mark.LabelOwner] != id || got[mark.RestartStatus] != "running" {
			h.Errorf("labels: %v", got)
		}
		h.run(&planner.RelabelContainer{ID: id, Want: c, Owner: h.owner(c)})
		h.same(id, c)
		if got := h.labels(id); got[mark.RestartStatus] != "" || got[mark.RestartPolicy] != "" || got[mark.LabelProtect] != "" {
			h.Errorf("labels: %v", got)
		}
		if now := h.live(id).Task.PID; now != pid {
			h.Errorf("the process is %d after a relabel, was %d", now, pid)
		}
		rec, err := h.w.client.ContainerService().Get(h.ctx, id)
		h.must(err)
		if strings.Contains(string(rec.Extensions[mark.Extension].GetValue()), "value-of-secret") {
			h.Error("the extension has a value of env")
		}
	})
}

// What somebody changes by hand reads back as different, field by field.
func TestDriftShows(t *testing.T) {
	onHosts(t, func(h *host) {
		c := h.want("web", func(c *spec.Container) {
			c.Env = map[string]string{"LOG": "info"}
			c.Labels = map[string]string{"tier": "front"}
			c.Restart = spec.Restart{Policy: spec.RestartAlways}
		})
		id := h.up(c)
		store := h.w.client.ContainerService()
		edit := func(labels map[string]string, change func(*oci.Spec)) *spec.Container {
			h.Helper()
			con, err := h.w.client.LoadContainer(h.ctx, id)
			h.must(err)
			before, err := store.Get(h.ctx, id)
			h.must(err)
			if change != nil {
				s, err := con.Spec(h.ctx)
				h.must(err)
				change(s)
				h.must(con.Update(h.ctx, containerd.UpdateContainerOpts(containerd.WithSpec(s))))
			}
			if labels != nil {
				_, err = store.Update(h.ctx, containers.Container{ID: id, Labels: labels}, labelPaths(labels)...)
				h.must(err)
			}
			got := h.live(id).Spec
			_, err = store.Update(h.ctx, before)
			h.must(err)
			h.same(id, c)
			return got
		}
		if got := edit(nil, func(s *oci.Spec) { s.Process.Env = append(s.Process.Env, "EXTRA=1") }); got.Env["EXTRA"] != "1" {
			h.Errorf("env: %v", got.Env)
		}
		if got := edit(nil, func(s *oci.Spec) { s.Process.Env = []string{"PATH=/bin", "FROM_IMAGE=yes"} }); len(got.Env) != 0 {
			h.Errorf("env: %v", got.Env)
		}
		if got := edit(nil, func(s *oci.Spec) { s.Process.Env = []string{"PATH=/bin", "LOG=info"} }); got.Env["FROM_IMAGE"] != "" || len(got.Env) != 2 {
			h.Errorf("env without the image's: %v", got.Env)
		}
		if got := edit(nil, func(s *oci.Spec) { s.Process.Args = []string{"/bin/sh", "-c", "sleep 5"} }); len(got.Command) != 1 || got.Command[0] != "sleep 5" || got.Entrypoint != nil {
			h.Errorf("command: %q %q", got.Entrypoint, got.Command)
		}
		if got := edit(nil, func(s *oci.Spec) { s.Process.Cwd = "/etc" }); got.WorkingDir != "/etc" {
			h.Errorf("working_dir: %q", got.WorkingDir)
		}
		if got := edit(nil, func(s *oci.Spec) { s.Process.User.UID = 5 }); got.User != "5:0" {
			h.Errorf("user: %q", got.User)
		}
		if got := edit(nil, func(s *oci.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/y", Type: "bind", Source: "/tmp", Options: []string{"rbind"}})
		}); len(got.Mounts) != 1 {
			h.Errorf("mounts: %v", got.Mounts)
		}
		if got := edit(nil, func(s *oci.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
		}); got.NetworkMode != spec.NetworkNone {
			h.Errorf("network_mode: %q", got.NetworkMode)
		}
		if got := edit(map[string]string{"tier": "back", "more": "x", "maker": ""}, nil); got.Labels["tier"] != "back" || got.Labels["more"] != "x" || len(got.Labels) != 3 {
			h.Errorf("labels: %v", got.Labels)
		}
		if got := edit(map[string]string{"tier": ""}, nil); len(got.Labels) != 0 {
			h.Errorf("labels: %v", got.Labels)
		}
		if got := edit(map[string]string{mark.RestartStatus: ""}, nil); got.Restart.Policy != spec.RestartNo {
			h.Errorf("restart: %v", got.Restart)
		}
		stopped := spec.RestartNo
		if h.daemon.Version == "1.6" { // its restart monitor doesn't read that label, and starts the container again
			stopped = spec.RestartAlways
		}
		if got := edit(map[string]string{mark.RestartStopped: "true"}, nil); got.Restart.Policy != stopped {
			h.Errorf("restart of what was stopped by hand: %v; want %s", got.Restart, stopped)
		}
		if got := edit(map[string]string{mark.LabelStopSignal: "INT", mark.NerdctlStopTimeout: "3"}, nil); got.StopSignal != "SIGINT" || got.StopTimeout != 3*time.Second {
			h.Errorf("stop: %v %v", got.StopSignal, got.StopTimeout)
		}
	})
}

func TestTerminalLog(t *testing.T) {
	onHosts(t, func(h *host) {
		c := h.want("tty", func(c *spec.Container) {
			c.TTY = true
			c.Command = []string{"test -t 1 && echo a terminal; sleep 1000"}
		})
		id := h.up(c)
		h.same(id, c)
		h.log(id, "a terminal")
		h.run(&planner.StopTask{ID: id, Name: c.Name, Signal: "SIGKILL"})
		h.run(&planner.StartTask{ID: id, Name: c.Name})
		for end := time.Now().Add(90 * time.Second); strings.Count(h.log(id, "a terminal"), "a terminal") != 2; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				h.Fatal("the second run's output is not after the first one's")
			}
		}
	})
}

func TestStopKills(t *testing.T) {
	onHosts(t, func(h *host) {
		stubborn := h.up(h.want("stubborn", func(c *spec.Container) { c.Command = []string{"trap 'echo stays' TERM; while :; do sleep 0.1; done"} }))
		h.run(&planner.StopTask{ID: stubborn, Name: "stubborn", Signal: "SIGTERM", Timeout: 300 * time.Millisecond})
		h.log(stubborn, "stays")
		if s := h.live(stubborn).Task.Status; s != planner.TaskNone {
			h.Errorf("task is %q after a stop that its process ignores", s)
		}
		frozen := h.up(h.want("frozen", func(c *spec.Container) {
			c.Command = []string{"trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done"}
			c.State = spec.StatePaused
		}))
		h.run(&planner.PauseTask{ID: frozen, Name: "frozen"})
		h.run(&planner.StopTask{ID: frozen, Name: "frozen", Signal: "SIGTERM", Timeout: 5 * time.Second})
		h.log(frozen, "bye")
		if s := h.live(frozen).Task.Status; s != planner.TaskNone {
			h.Errorf("task is %q after a stop", s)
		}
		gone := newID()
		h.run(&planner.StopTask{ID: gone, Name: "gone"})
		h.run(&planner.RemoveContainer{ID: gone, Name: "gone"})
		h.fails(&planner.StartTask{ID: gone, Name: "gone"}, "it is gone", "plan again")

		running := h.up(h.want("running", nil))
		h.fails(&planner.RemoveContainer{ID: running, Name: "running"}, "its process runs")
	})
}

// The restart monitor brings back what crashes, and leaves alone what was stopped.
func TestRestartMonitor(t *testing.T) {
	onHosts(t, func(h *host) {
		for _, policy := range []string{spec.RestartAlways, spec.RestartUnlessStopped, spec.RestartOnFailure} {
			c := h.want("r-"+policy, func(c *spec.Container) {
				c.Restart = spec.Restart{Policy: policy}
				c.Command = []string{"echo begin; sleep 1000"}
			})
			id := h.up(c)
			pid := h.live(id).Task.PID
			h.must(syscall.Kill(int(pid), syscall.SIGKILL))
			back := false
			for end := time.Now().Add(90 * time.Second); time.Now().Before(end) && !back; time.Sleep(100 * time.Millisecond) {
				l := h.live(id)
				back = l.Task.Status == planner.TaskRunning && l.Task.PID != pid
			}
			if !back {
				h.Errorf("%s: the monitor did not start it again", policy)
			}
			h.same(id, c)
			pid = h.live(id).Task.PID
			h.run(&planner.PauseTask{ID: id, Name: c.Name})
			time.Sleep(2200 * time.Millisecond)
			if l := h.live(id); l.Task.Status != planner.TaskPaused || l.Task.PID != pid {
				h.Errorf("%s: it is %s after a pause", policy, l.Task.Status)
			}
			h.run(&planner.ResumeTask{ID: id, Name: c.Name})
			h.same(id, c)
			h.run(&planner.StopTask{ID: id, Name: c.Name, Signal: "SIGTERM", Timeout: 200 * time.Millisecond})
			time.Sleep(2200 * time.Millisecond)
			if l := h.live(id); l.Task.Status != planner.TaskNone {
				h.Errorf("%s: it is %s after a stop", policy, l.Task.Status)
			}
		}
	})
}

func TestAdoptContainer(t *testing.T) {
	onHosts(t, func(h *host) {
		client := h.w.client
		img, err := client.GetImage(h.ctx, testImage)
		h.must(err)
		id := "by-hand"
		h.ids = append(h.ids, id)
		con, err := client.NewContainer(h.ctx, id, containerd.WithImage(img), containerd.WithNewSnapshot(id, img),
			containerd.WithNewSpec(oci.WithImageConfig(img), oci.WithEnv([]string{"A=b"})), containerd.WithContainerLabels(map[string]string{"x": "y"}))
		h.must(err)
		task, err := con.NewTask(h.ctx, cio.NullIO)
		h.must(err)
		h.must(task.Start(h.ctx))

		if l := h.live(id); l.Owner != nil || l.Spec != nil {
			h.Errorf("a container of somebody else's: %+v", l)
		}
		addr := spec.Addr{Kind: spec.KindContainer, Name: "web"}
		cfg := &spec.Config{Stack: spec.Stack{Name: "shop"}, Imports: []*spec.Import{{To: addr, ID: id}}}
		s, err := h.w.Observe(context.Background(), cfg, ObserveOptions{})
		h.must(err)
		l := s.Containers[0]
		if l.Spec == nil || l.Digest != h.digest {
			h.Fatalf("a container to be adopted: %+v", l)
		}
		want := &spec.Container{Image: spec.ImageRef{Name: testImage, Digest: h.digest}, Env: map[string]string{"A": "b"}, Labels: map[string]string{"x": "y"},
			NetworkMode: spec.NetworkNone, Hostname: l.Spec.Hostname, Restart: spec.Restart{Policy: spec.RestartNo}, State: spec.StateRunning,
			Ready: spec.ReadyStarted, Runtime: "", Snapshotter: "overlayfs"}
		h.equal(l.Spec, want)

		asked := h.want("web", func(c *spec.Container) {
			c.Env, c.Labels, c.NetworkMode = want.Env, map[string]string{"x": "z"}, spec.NetworkNone
			c.Restart = spec.Restart{Policy: spec.RestartAlways}
		})
		h.run(&planner.RelabelContainer{ID: id, Want: asked, Owner: h.owner(asked)})
		h.same(id, asked)
		if l := h.live(id); l.Task.PID != task.Pid() || l.Owner == nil || l.Name != "shop-web" {
			h.Errorf("adopted container: %+v", l)
		}
		h.run(&planner.StopTask{ID: id, Name: "shop-web", Signal: "SIGKILL"})
		h.run(&planner.StartTask{ID: id, Name: "shop-web"})
		h.same(id, asked)
	})
}

func TestCheckUnmoved(t *testing.T) {
	onHosts(t, func(h *host) {
		id := h.up(h.want("web", nil))
		img := h.observe().Images[testImage]
		touches := []planner.Touch{
			{Kind: spec.KindContainer, ID: id, Name: "shop-web", Seen: h.live(id).Seen},
			{Kind: spec.KindContainer, ID: "not-there", Name: "new", Seen: ""},
			{Kind: spec.KindImage, ID: testImage, Name: "busybox:1", Seen: img.Seen},
		}
		h.run(&planner.CheckUnmoved{Touches: touches})
		h.run(&planner.PauseTask{ID: id})
		h.fails(&planner.CheckUnmoved{Touches: touches}, "container shop-web was changed (its process was running and is paused)", "Plan again")
		h.run(&planner.ResumeTask{ID: id})
		h.run(&planner.CheckUnmoved{Touches: touches})
		h.must(h.w.setLabels(h.ctx, id, map[string]string{"x": "y"}))
		touches[1].Seen, touches[2].Seen = "x", "x"
		h.fails(&planner.CheckUnmoved{Touches: touches}, "container shop-web was changed", "container new is gone", "image busybox:1 was changed")
	})
}

// A step that was cut off half-way is made again and ends as if nothing had been.
func TestHalfDone(t *testing.T) {
	onHosts(t, func(h *host) {
		c := h.want("web", nil)
		id := newID()
		h.ids = append(h.ids, id)
		chain, err := h.w.imagePartsOf(h.ctx, must(h.w.imageFor(h.ctx, c)), c.Platform)
		h.must(err)
		_, err = h.w.client.SnapshotService("overlayfs").Prepare(h.ctx, id, chain.chain)
		h.must(err)
		h.must(os.MkdirAll(h.w.paths.Container("shop", id), 0o700))
		h.run(&planner.CreateContainer{ID: id, Want: c, Owner: h.owner(c)})

		// A task that was made and not started.
		rec, err := h.w.client.LoadContainer(h.ctx, id)
		h.must(err)
		_, err = rec.NewTask(h.ctx, cio.NullIO)
		h.must(err)
		if s := h.live(id).Task.Status; s != planner.TaskCreated {
			h.Fatalf("task is %q", s)
		}
		h.run(&planner.StartTask{ID: id, Name: c.Name})
		h.run(&planner.AwaitReady{ID: id, Name: c.Name, Ready: spec.ReadyStarted})
		h.same(id, c)

		// A removal that got as far as the snapshot.
		h.run(&planner.StopTask{ID: id, Name: c.Name, Signal: "SIGKILL"})
		h.must(h.w.client.SnapshotService("overlayfs").Remove(h.ctx, id))
		h.fails(&planner.StartTask{ID: id, Name: c.Name}, "its file system is gone")
		h.run(&planner.RemoveContainer{ID: id, Name: c.Name})

		other := h.create(h.want("made", nil))
		rec, err = h.w.client.LoadContainer(h.ctx, other)
		h.must(err)
		_, err = rec.NewTask(h.ctx, cio.NullIO)
		h.must(err)
		h.run(&planner.RemoveContainer{ID: other, Name: "made"})
	})
}

func (h *host) equal(got, want *spec.Container) {
	h.Helper()
	if d := cmp.Diff(want, got); d != "" {
		h.Errorf("(- want, + got):\n%s", d)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
