package ctrd

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	shimapi "github.com/containerd/containerd/api/runtime/task/v2"
	tasktypes "github.com/containerd/containerd/api/types/task"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/ttrpc"

	"github.com/fairlead-dev/fairlead/executor/machine"
)

// shimsOf gives the shims of a namespace that the kernel shows, by container ID. Those of a daemon out of sight are not among them.
func shimsOf(namespace string) map[string][]machine.Process {
	out := map[string][]machine.Process{}
	for _, p := range machine.ByArgs(func(args []string) bool {
		return strings.HasPrefix(filepath.Base(args[0]), "containerd-shim") && valueOf(args, "-id") != "" && valueOf(args, "-namespace") == namespace
	}) {
		id := valueOf(p.Args, "-id")
		out[id] = append(out[id], p)
	}
	return out
}

func valueOf(args []string, flag string) string {
	if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

// shimAnswer is what a shim says of its container's task.
type shimAnswer int

const (
	shimSilent shimAnswer = iota // it lives, and gives no answer: it may be slow, or stopped
	shimWorks                    // it has no task yet, and its runtime is at work on one
	shimIdle                     // it has no task, or one that never began or has ended: nothing of the container runs in it
	shimRuns                     // it has a task that runs
	shimGone                     // it has ended
)

// shimTimeout is how long a shim may take to answer one question: containerd gives it the same time.
const shimTimeout = 2 * time.Second

// askShim asks a shim itself for the task of a container, as the daemon does. It needs the rights of the shim's user.
func askShim(ctx context.Context, p machine.Process, namespace, id string) shimAnswer {
	ctx, cancel := context.WithTimeout(ctx, shimTimeout)
	defer cancel()
	for {
		if now, ok := machine.Look(p.PID); ok && now.Stopped() {
			return shimSilent // somebody stopped it
		}
		answer, err := askOnce(ctx, p, namespace, id)
		switch {
		case !p.Lives():
			return shimGone
		case err == nil:
			return answer
		}
		select { // it may not listen yet
		case <-ctx.Done():
			return unreachable(p, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// errNoSocket is the error of a shim that nobody can connect to.
var errNoSocket = errors.New("it has no socket")

// unreachable says what a shim is that can't be asked. Where its socket or its bundle, in which containerd starts it, is gone and it has no child,
// nobody will ever hear of it again: containerd takes the bundle away when a start is cut off, also from a shim that has not begun to answer.
func unreachable(p machine.Process, err error) shimAnswer {
	now, ok := machine.Look(p.PID)
	waits := ok && (now.State == 'S' || now.State == 'I')
	if (errors.Is(err, errNoSocket) || p.DirectoryGone()) && waits && len(p.Descendants()) == 0 {
		return shimIdle
	}
	return shimSilent
}

func askOnce(ctx context.Context, p machine.Process, namespace, id string) (shimAnswer, error) {
	conn, err := connectToShim(ctx, p)
	if err != nil {
		return shimSilent, err
	}
	client := ttrpc.NewClient(conn)
	defer client.Close()
	md := ttrpc.MD{}
	md.Set("containerd-namespace-ttrpc", namespace)
	var state shimapi.StateResponse
	for _, service := range []string{"containerd.task.v2.Task", "containerd.task.v3.Task"} { // of 1.x and of 2.x; the messages are the same
		err = errgrpc.ToNative(client.Call(ttrpc.WithMetadata(ctx, md), service, "State", &shimapi.StateRequest{ID: id}, &state))
		if !errdefs.IsNotImplemented(err) {
			break
		}
	}
	switch {
	case errdefs.IsNotFound(err) && isAtWork(p.Descendants()):
		return shimWorks, nil
	case errdefs.IsNotFound(err):
		return shimIdle, nil
	case err != nil:
		return shimSilent, err
	case state.Status == tasktypes.Status_CREATED, state.Status == tasktypes.Status_STOPPED:
		return shimIdle, nil
	}
	return shimRuns, nil
}

// isAtWork tells by what runs below a shim without a task whether a runtime or a hook is making one. runc's init alone is not: runc was killed in
// a create, with the daemon or by it, and the init waits for a start that nobody makes. As in a task that is created, nothing of the container runs yet.
func isAtWork(below []machine.Process) bool {
	return slices.ContainsFunc(below, func(p machine.Process) bool {
		return len(p.Args) != 2 || filepath.Base(p.Args[0]) != "runc" || p.Args[1] != "init"
	})
}

func connectToShim(ctx context.Context, p machine.Process) (net.Conn, error) {
	for _, path := range p.Listens() {
		if strings.HasSuffix(path, "debug.sock") {
			continue
		}
		var d net.Dialer
		if conn, err := d.DialContext(ctx, "unix", path); err == nil {
			return conn, nil
		}
	}
	return nil, errNoSocket
}
