// Package ctrdtest starts private containerds for tests: their roots, states and sockets are their own, and nothing of the
// system's containerd is touched.
package ctrdtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/namespaces"

	"github.com/fairlead-dev/fairlead/executor/machine"
)

// Namespace is where tests make their objects.
const Namespace = "fairlead-test"

// Daemon is a private containerd.
type Daemon struct {
	Version string // 1.6 or 2.4
	Dir     string
	Address string

	bin  string
	path string
	cmd  *exec.Cmd
	done chan struct{}
}

// Each runs f once with Debian's containerd and once with the one that go.mod pins, each in a subtest, on a fresh daemon.
func Each(t *testing.T, f func(t *testing.T, d *Daemon)) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	bin := filepath.Join(filepath.Dir(here), "../../../bin")
	system := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, v := range []struct{ version, bin, path string }{
		{"1.6", "/usr/bin/containerd", system},
		{"2.4", filepath.Join(bin, "containerd"), bin + ":" + system},
	} {
		t.Run(v.version, func(t *testing.T) {
			if _, err := os.Stat(v.bin); err != nil {
				t.Skipf("%s is not there: `make deps build` gets it", v.bin)
			}
			if os.Geteuid() != 0 {
				t.Skip("containerd needs root")
			}
			d := &Daemon{Version: v.version, bin: v.bin, path: v.path}
			d.start(t)
			f(t, d)
		})
	}
}

const config = `version = 2
root = %[1]q
state = %[2]q
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.nri.v1.nri"]
[grpc]
address = %[3]q
[ttrpc]
address = %[4]q
[plugins."io.containerd.internal.v1.restart"]
interval = "1s"
[plugins."io.containerd.monitor.container.v1.restart"]
interval = "1s"
[plugins."io.containerd.internal.v1.opt"]
path = %[5]q
`

func (d *Daemon) start(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "flt") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	d.Dir, d.Address = dir, filepath.Join(dir, "c.sock")
	t.Cleanup(func() {
		d.Stop(syscall.SIGTERM)
		d.unmount()
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("%s stays: %v", dir, err)
		}
	})
	text := fmt.Sprintf(config, filepath.Join(dir, "root"), filepath.Join(dir, "state"), d.Address, d.Address+".ttrpc", filepath.Join(dir, "opt"))
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
}

// Start starts the daemon, or starts it again after Stop, and waits until it answers.
func (d *Daemon) Start() error {
	log, err := os.OpenFile(filepath.Join(d.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	d.cmd = exec.Command(d.bin, "-c", filepath.Join(d.Dir, "config.toml"))
	d.cmd.Env = append(os.Environ(), "PATH="+d.path)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	d.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(d.cmd, d.done)
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		select {
		case <-d.done:
			text, _ := os.ReadFile(filepath.Join(d.Dir, "log"))
			return fmt.Errorf("%s ended at once:\n%s", d.bin, text)
		default:
		}
		if d.answers() {
			return nil
		}
	}
	return fmt.Errorf("%s: no answer within 30 s", d.bin)
}

func (d *Daemon) answers() bool {
	client, err := containerd.New(d.Address, containerd.WithTimeout(time.Second))
	if err != nil {
		return false
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err = client.Version(ctx)
	return err == nil
}

// Stop ends the daemon with sig, and waits for it. Containers go on in their shims.
func (d *Daemon) Stop(sig syscall.Signal) {
	if d.cmd == nil {
		return
	}
	_ = d.cmd.Process.Signal(sig)
	select {
	case <-d.done:
	case <-time.After(20 * time.Second):
		_ = d.cmd.Process.Kill()
		<-d.done
	}
	d.cmd = nil
}

// Client connects to the daemon, until the test ends.
func (d *Daemon) Client(t *testing.T) *containerd.Client {
	t.Helper()
	client, err := containerd.New(d.Address, containerd.WithTimeout(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// Context is one in Namespace, with a lease that ends with the test, as an apply has.
func (d *Daemon) Context(t *testing.T, client *containerd.Client) context.Context {
	t.Helper()
	ctx := namespaces.WithNamespace(context.Background(), Namespace)
	leased, done, err := client.WithLease(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = done(ctx) })
	return leased
}

// unmount takes away what a killed daemon or its containers left mounted below Dir.
func (d *Daemon) unmount() {
	_ = machine.UnmountBelow(d.Dir) // what stays shows when the directory is removed
}
