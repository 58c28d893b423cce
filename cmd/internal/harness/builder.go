package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/errdefs"
)

// Builder is a buildkitd that somebody runs, on a daemon's containerd or by itself.
type Builder struct {
	Host string // unix://…

	socket, program, log string
	args                 []string
	cmd                  *exec.Cmd
	done                 chan struct{}

	daemon  *Daemon // that it works on, in the namespace; with "", it works by itself
	ns      string
	started time.Time
}

// NewBuilder prepares a buildkitd of namespace ns, or, without one, one that works by itself with runc; dir, which must have a short path, is
// its root and keeps its cache.
func (d *Daemon) NewBuilder(top, dir, ns string) (*Builder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "b.sock")
	toml := filepath.Join(dir, "buildkitd.toml")
	text := fmt.Sprintf("[otel]\nsocketPath = %q\n", filepath.Join(dir, "otel.sock")) // the default is one for all that run
	if err := os.WriteFile(toml, []byte(text), 0o600); err != nil {
		return nil, err
	}
	worker := []string{"--oci-worker=false", "--containerd-worker=true", "--containerd-worker-addr", d.Address,
		"--containerd-worker-namespace", ns, "--containerd-worker-snapshotter", "overlayfs"}
	if ns == "" {
		worker = []string{"--containerd-worker=false", "--oci-worker=true", "--oci-worker-snapshotter", "native"}
	}
	return &Builder{
		daemon: d, ns: ns,
		Host: "unix://" + socket, socket: socket, program: filepath.Join(top, "bin/buildkitd"), log: filepath.Join(dir, "log"),
		args: append([]string{"--config", toml, "--root", dir, "--addr", "unix://" + socket}, worker...),
	}, nil
}

// Start starts it and waits until it listens, which it does once its worker is ready.
func (b *Builder) Start() error {
	log, err := os.OpenFile(b.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	b.cmd = exec.Command(b.program, b.args...)
	b.cmd.Stdout, b.cmd.Stderr = log, log
	b.started = time.Now()
	if err := b.cmd.Start(); err != nil {
		return err
	}
	b.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(b.cmd, b.done)
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("unix", b.socket); err == nil {
			return c.Close()
		}
		select {
		case <-b.done:
			text, _ := os.ReadFile(b.log)
			return fmt.Errorf("%s: it ended at once:\n%s", b.program, text)
		default:
		}
	}
	return errors.New(b.program + ": it doesn't listen within 30 s")
}

// Ended tells whether it has ended.
func (b *Builder) Ended() bool {
	select {
	case <-b.done:
		return true
	default:
		return false
	}
}

// Stop ends it and waits for it.
func (b *Builder) Stop() {
	if b.cmd == nil {
		return
	}
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-b.done:
	case <-time.After(20 * time.Second):
		_ = b.cmd.Process.Kill()
		<-b.done
	}
	b.cmd = nil
	if b.ns != "" {
		_ = b.dropTaken() // the check for leaks finds what stays
	}
}

// dropTaken deletes the temporary leases that it took: a buildkitd that ends leaves some.
func (b *Builder) dropTaken() error {
	return b.daemon.with(b.ns, func(ctx context.Context, client *containerd.Client) error {
		all, err := client.LeasesService().List(ctx, fmt.Sprintf("labels.%q", temporaryLease))
		for _, l := range all {
			if taken, err := time.Parse(time.RFC3339Nano, l.Labels[temporaryLease]); err == nil && taken.After(b.started) {
				if err := client.LeasesService().Delete(ctx, l); err != nil && !errdefs.IsNotFound(err) {
					return err
				}
			}
		}
		return err
	})
}
