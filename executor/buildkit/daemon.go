package buildkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/fairlead-dev/fairlead/executor/machine"
)

const (
	program      = "buildkitd"
	configName   = "buildkitd.toml"
	socketName   = "buildkitd.sock"
	otelName     = "otel.sock"
	startTimeout = 30 * time.Second // until the worker answers
	endTimeout   = 20 * time.Second // until a buildkitd that was told to end is killed
)

// daemon is a buildkitd of fairlead's own.
type daemon struct {
	lock *rootLock
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// ended tells whether it has ended.
func (d *daemon) ended() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

// root is the directory of the own buildkitd: one for each namespace of each daemon.
func (b *Builder) root() string {
	return machine.Paths{Root: b.o.DataRoot, Socket: b.o.Address, Namespace: b.o.Namespace}.Builder()
}

// start starts the own buildkitd, once nobody else has its root, and waits until it answers.
func (b *Builder) start(ctx context.Context, note func(string)) (*conn, error) {
	bin, err := Program()
	if err != nil {
		return nil, err
	}
	root := b.root()
	socket := filepath.Join(root, socketName)
	if long := len(socket) - machine.MaxSocket; long > 0 {
		return nil, fmt.Errorf("builder: %s is %d bytes too long for a socket. Choose another data root", socket, long)
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("builder: its directory: %w", err)
	}
	lock, err := takeLock(ctx, filepath.Join(root, "lock"), b.o.Stack, note)
	if err != nil {
		return nil, err
	}
	own, c, err := b.launchDaemon(ctx, bin, root, socket, lock, note)
	if err != nil {
		if own == nil {
			lock.release()
		} else {
			err = errors.Join(err, b.endDaemon(context.WithoutCancel(ctx), own))
		}
		return nil, err
	}
	b.own = own
	return c, nil
}

func (b *Builder) launchDaemon(ctx context.Context, bin, root, socket string, lock *rootLock, note func(string)) (*daemon, *conn, error) {
	if err := b.sweep(ctx); err != nil {
		return nil, nil, err
	}
	cfg := filepath.Join(root, configName)
	if err := b.writeConfig(cfg, root, socket); err != nil {
		return nil, nil, fmt.Errorf("builder: its settings: %w", err)
	}
	note("starting the builder")
	own, err := startProgram(bin, root, cfg, b.o.Address, lock)
	if err != nil {
		return nil, nil, fmt.Errorf("builder: %s cannot be run: %w", bin, err)
	}
	c, err := b.awaitAnswer(ctx, own, "unix://"+socket)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("builder: %s %w. It says:\n%s", bin, err, strings.Join(machine.Tail(logOf(root), 10), "\n"))
	}
	return own, c, err
}

// awaitAnswer waits until the daemon's worker answers.
func (b *Builder) awaitAnswer(ctx context.Context, own *daemon, host string) (*conn, error) {
	for end := time.Now().Add(startTimeout); time.Now().Before(end); {
		if c, err := b.dial(ctx, host, probeTimeout); err == nil {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-own.done:
			return nil, errors.New("ended at once")
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil, fmt.Errorf("doesn't answer within %s", startTimeout)
}

// startProgram starts the program. It is in a process group of its own, so that an interrupt at the terminal lets fairlead cancel builds in
// order; and it is told to end when fairlead is killed.
func startProgram(bin, root, cfg, address string, lock *rootLock) (*daemon, error) {
	log, err := os.OpenFile(logOf(root), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	temp := filepath.Join(root, "tmp")
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return nil, err
	}
	cmd := exec.Command(bin, "--config", cfg)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp) // what it mounts there is found again
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{lock.file}
	if d, err := os.Open(filepath.Dir(address)); err == nil { // one that isn't there is the daemon's to say
		defer d.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, d)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	d := &daemon{lock: lock, cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the kernel tells it to end when the thread that started it ends
		defer runtime.UnlockOSThread()
		defer close(d.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
	}()
	return d, <-started
}

// endDaemon ends a daemon, and takes away what it left if it was killed.
func (b *Builder) endDaemon(ctx context.Context, d *daemon) error {
	defer d.lock.release()
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	grace := endTimeout
	if p, ok := machine.Look(d.cmd.Process.Pid); ok && p.Stopped() {
		grace = 0 // it doesn't hear
	}
	select {
	case <-d.done:
	case <-time.After(grace):
		_ = syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
		<-d.done
	}
	return b.sweep(ctx)
}

// Program finds buildkitd.
func Program() (string, error) {
	bin, err := machine.FindProgram(program)
	if err != nil {
		return "", errors.New("builder: no buildkitd runs, and none is installed. Put the program buildkitd beside fairlead or into PATH " +
			"(`make` builds it; BuildKit's releases have it), or name one that runs with --builder or BUILDKIT_HOST")
	}
	return bin, nil
}

func logOf(root string) string { return filepath.Join(root, "buildkitd.log") }

// pruneToBound prunes the own buildkitd's cache to KeepBytes before it ends: it doesn't run for long enough to do so by itself.
func (b *Builder) pruneToBound(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if _, err := b.conn.client.ListWorkers(asking); err != nil {
		return // it hangs
	}
	ctx, cancel = context.WithTimeout(ctx, endTimeout)
	defer cancel()
	_ = b.conn.client.Prune(ctx, nil, client.WithKeepOpt(0, 0, b.o.KeepBytes, 0)) // the next one does it at its start
}
