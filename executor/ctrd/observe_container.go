package ctrd

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	tasktypes "github.com/containerd/containerd/api/types/task"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"golang.org/x/sync/errgroup"

	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/executor/ocispec"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

func tasksByID(r *tasksapi.ListTasksResponse) map[string]planner.Task {
	out := make(map[string]planner.Task, len(r.Tasks))
	for _, p := range r.Tasks {
		out[p.ID] = liveTask(p)
	}
	return out
}

func liveTask(p *tasktypes.Process) planner.Task {
	t := planner.Task{PID: p.Pid, ExitCode: p.ExitStatus}
	switch p.Status {
	case tasktypes.Status_CREATED:
		t.Status = planner.TaskCreated
	case tasktypes.Status_RUNNING:
		t.Status = planner.TaskRunning
	case tasktypes.Status_PAUSED, tasktypes.Status_PAUSING:
		t.Status = planner.TaskPaused
	case tasktypes.Status_UNKNOWN:
		t.Status = planner.TaskUnknown
	default:
		t.Status = planner.TaskStopped
		t.ExitedAt = p.ExitedAt.AsTime()
	}
	return t
}

// seenContainer changes whenever what a record says does, or the state of its task; but not by what the restart monitor does, which
// may come and go at any moment: a container that ends again and again can be replaced all the same.
func seenContainer(c *containers.Container, t planner.Task) string {
	h := sha256.New()
	write := func(parts ...string) {
		for _, p := range parts {
			fmt.Fprintf(h, "%d %s ", len(p), p)
		}
	}
	write(c.ID, c.Image, c.Snapshotter, c.SnapshotKey, c.Runtime.Name, string(ocispec.Raw(c)))
	for _, k := range slices.Sorted(maps.Keys(c.Labels)) {
		if k != mark.RestartCount {
			write(k, c.Labels[k])
		}
	}
	for _, k := range slices.Sorted(maps.Keys(c.Extensions)) {
		write(k, string(c.Extensions[k].GetValue()))
	}
	state := string(t.Status)
	if c.Labels[mark.RestartStatus] == string(containerd.Running) {
		state = "monitored"
	}
	return hex.EncodeToString(h.Sum(nil)[:16]) + " " + state
}

// nameOf is the name that people see.
func nameOf(labels map[string]string) string { return labels[mark.NerdctlName] }

// extended tells whether a record has fairlead's extension, whatever is in it.
func extended(c *containers.Container) bool { return c.Extensions[mark.Extension] != nil }

// namedByImage tells whether a container has its name from a label of its image alone: that names nothing, and takes no name from anybody.
func (r *Reader) namedByImage(ctx context.Context, c *containers.Container, got *reading) bool {
	im, ok := got.images[c.Image]
	if !ok || got.names != nil && !got.names[nameOf(c.Labels)] {
		return false // nobody can tell any more, or nobody asks
	}
	config, _ := r.foreignImage(ctx, c, im.Target)
	return config.Labels[mark.NerdctlName] == nameOf(c.Labels)
}

// readContainers turns records into what the planner compares; those that wanted picks are read back whole.
func (r *Reader) readContainers(ctx context.Context, got *reading, wanted func(*containers.Container) bool) ([]*planner.LiveContainer, error) {
	records, tasks := got.containers, tasksByID(got.tasks)
	ids := make([]string, len(records))
	for i, c := range records {
		ids[i] = c.ID
	}
	if err := r.clarify(ctx, tasks, ids); err != nil {
		return nil, err
	}
	out := make([]*planner.LiveContainer, len(records))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	const batch = 16 // records for one worker at a time: a record takes some 50 µs
	for from := 0; from < len(records); from += batch {
		g.Go(func() error {
			for i := from; i < min(from+batch, len(records)); i++ {
				l, err := r.readContainer(ctx, records[i], tasks[records[i].ID], wanted(records[i]), got)
				if err != nil {
					return fmt.Errorf("container %s: %w", describe(records[i]), err)
				}
				out[i] = l
			}
			return nil
		})
	}
	return out, g.Wait()
}

func describe(c *containers.Container) string {
	if n := nameOf(c.Labels); n != "" {
		return n + " (" + mark.ShortID(c.ID) + ")"
	}
	return mark.ShortID(c.ID)
}

func (r *Reader) readContainer(ctx context.Context, c *containers.Container, t planner.Task, whole bool, got *reading) (*planner.LiveContainer, error) {
	l := &planner.LiveContainer{
		Live:  planner.Live{Kind: spec.KindContainer, ID: c.ID, Name: nameOf(c.Labels), Seen: seenContainer(c, t), CreatedAt: c.CreatedAt},
		Image: c.Image,
		Task:  t,
	}
	a, err := mark.DecodeApplied(c.Extensions)
	if err != nil {
		a = nil // somebody wrote over it: what is there is shown, without the help of what was asked
	}
	l.Owner, l.OtherKey = got.signer.Owner(c.Labels, c.ID, extended(c), a)
	if l.Owner != nil || l.OtherKey != nil {
		l.Pending = c.Labels[mark.LabelPending] != ""
		l.Protected = c.Labels[mark.LabelProtect] == "true"
		l.Completed = completed(c.Labels, t)
		l.Digest = c.Labels[mark.LabelDigest]
		if a != nil {
			l.OwnNames, l.Origin = a.OwnNames, a.Origin
		}
	} else {
		a = nil
		if l.Name != "" && r.namedByImage(ctx, c, got) {
			l.Name = ""
		}
	}
	if !whole {
		return l, nil
	}
	if a == nil {
		a = &mark.Applied{}
		if im, ok := got.images[c.Image]; ok {
			config, digest := r.foreignImage(ctx, c, im.Target)
			a.Image, l.Digest = config, cmp.Or(l.Digest, digest)
		}
	}
	l.ImageDefaults = a.Image.Container()
	stopped, err := r.stoppedByHand(ctx, c.Labels)
	if err != nil {
		return nil, err
	}
	s, err := ocispec.Read(c, a, t.Up(), stopped)
	if err != nil && l.Owner != nil {
		return nil, fmt.Errorf("%w; remove the container, and fairlead makes it anew", err)
	}
	if err == nil {
		s.Spec.Image.Digest = l.Digest
		l.Spec, l.Lacks, l.Drift = s.Spec, s.Lacks, s.Drift
	}
	return l, nil
}

// stoppedByHand tells whether the restart monitor leaves a container alone because somebody stopped it. A monitor that reads no policies
// reads that mark neither, and before containerd 2.4 it reads it for unless-stopped alone.
func (r *Reader) stoppedByHand(ctx context.Context, labels map[string]string) (bool, error) {
	if labels[mark.RestartStopped] != "true" {
		return false, nil
	}
	known, err := r.restartPolicies(ctx)
	reads := slices.Contains(known, spec.RestartUnlessStopped)
	return reads && (labels[mark.RestartPolicy] == spec.RestartUnlessStopped || atLeast(r.version, 2, 4)), err
}

// atLeast compares a daemon's version, as 2.4.1 or 1.6.20~ds1; one that is none is taken for new.
func atLeast(version string, major, minor int) bool {
	var x, y int
	if n, _ := fmt.Sscanf(strings.TrimPrefix(version, "v"), "%d.%d", &x, &y); n < 2 {
		return true
	}
	return x > major || x == major && y >= minor
}
