package ctrd

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/errdefs/pkg/errgrpc"

	"github.com/fairlead-dev/fairlead/planner"
)

// Where a call that makes a task is cut off, its shim may stay: a process without a task, known to nobody. It is a leak, and worse: the
// daemon hands the next call for the same container to it, and that waits for ever. So fairlead ends such shims of its own containers.

// shim is a process that looks after the tasks of one container.
type shim struct {
	pid     int
	started time.Duration // since the machine was booted
}

// shimsOf gives the shims of a namespace that the kernel shows, by container ID. Those of a daemon out of sight are not among them.
func shimsOf(namespace string) map[string][]shim {
	out := map[string][]shim{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		raw, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || !bytes.Contains(raw, []byte("containerd-shim")) {
			continue
		}
		args := strings.Split(string(bytes.TrimRight(raw, "\x00")), "\x00")
		id := valueOf(args, "-id")
		if !strings.HasPrefix(filepath.Base(args[0]), "containerd-shim") || id == "" || valueOf(args, "-namespace") != namespace {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if _, started, ok := statOf(pid); ok && err == nil && pid > 1 {
			out[id] = append(out[id], shim{pid, started})
		}
	}
	return out
}

func valueOf(args []string, flag string) string {
	for i, a := range args[:len(args)-1] {
		if a == flag {
			return args[i+1]
		}
	}
	return ""
}

// ticks is how many of the kernel's units of time a second has: USER_HZ, the same everywhere.
const ticks = 100

// statOf gives a process's parent, and how long the machine had been up when it began: fields 4 and 22 of stat in proc(5).
func statOf(pid int) (parent int, started time.Duration, ok bool) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, 0, false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return 0, 0, false
	}
	parent, err = strconv.Atoi(fields[1])
	n, nerr := strconv.ParseInt(fields[19], 10, 64)
	return parent, time.Duration(n) * time.Second / ticks, err == nil && nerr == nil
}

func uptime() (time.Duration, error) {
	b, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0, err
	}
	word, _, _ := strings.Cut(string(b), " ")
	seconds, err := strconv.ParseFloat(word, 64)
	return time.Duration(seconds * float64(time.Second)), err
}

// The making of a task takes some tenths of a second. After the first of these a leftover is looked for that keeps it; after the second
// its own shim is taken to be stuck: a daemon that is still clearing up after the task before may take the new one's files too.
const (
	leftoverAfter = 5 * time.Second
	stuckAfter    = 30 * time.Second
)

// endShims ends the shims of a container that are older than that.
func (w *Writer) endShims(id string, age time.Duration) {
	up, err := uptime()
	if err != nil {
		return
	}
	for _, s := range shimsOf(w.opts.Namespace)[id] {
		if up-s.started > age {
			_ = syscall.Kill(s.pid, syscall.SIGKILL) // it may have ended by now
		}
	}
}

// leftoverPatience is how long a shim without a task may be there: the daemon may be about to give it one, or to end it.
const leftoverPatience = 3 * time.Second

// endLeftovers ends the shims of these containers that have no task.
func (w *Writer) endLeftovers(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		left, err := w.leftovers(ctx, ids)
		if err != nil || len(left) == 0 {
			return err
		}
		if time.Since(begun) < leftoverPatience {
			continue
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by now
		}
		return nil
	}
}

// leftovers finds shims of these containers that have no task, or are beside the one that has it.
func (w *Writer) leftovers(ctx context.Context, ids []string) ([]int, error) {
	shims := shimsOf(w.opts.Namespace)
	if len(shims) == 0 {
		return nil, nil
	}
	got, err := w.tasks.List(ctx, &tasksapi.ListTasksRequest{})
	if err != nil {
		return nil, errgrpc.ToNative(err)
	}
	tasks := tasksByID(got)
	var left []int
	for _, id := range ids {
		t := tasks[id]
		for _, s := range shims[id] {
			parent, _, up := statOf(int(t.PID))
			if t.Status == planner.TaskNone || t.Up() && up && len(shims[id]) > 1 && parent != s.pid {
				left = append(left, s.pid)
			}
		}
	}
	return left, nil
}
