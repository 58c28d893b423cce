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
	"sync"
	"syscall"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/opencontainers/go-digest"

	"github.com/fairlead-dev/fairlead/executor/machine"
)

// Namespace is where tests make their objects.
const Namespace = "fairlead-test"

// Versions are the versions of containerd that are tested: Debian's, and the one that go.mod pins.
var Versions = []string{"1.6", "2.4"}

// Daemon is a private containerd.
type Daemon struct {
	Version string // one of Versions
	Dir     string
	Address string // path of the socket

	bin  string
	path string // PATH of the daemon: where it finds its shim and runc
	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
}

// New prepares a daemon in dir, which must have a short path: sockets are in it.
func New(version, dir string) *Daemon {
	d := &Daemon{Version: version, Dir: dir, Address: filepath.Join(dir, "c.sock"), bin: "/usr/bin/containerd",
		path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	if version == "2.4" {
		_, here, _, _ := runtime.Caller(0)
		bin := filepath.Join(filepath.Dir(here), "../../../bin")
		d.bin, d.path = filepath.Join(bin, "containerd"), bin+":"+d.path
	}
	return d
}

// Each runs f once for each version, each in a subtest, on a fresh daemon.
func Each(t *testing.T, f func(t *testing.T, d *Daemon)) {
	t.Helper()
	for _, v := range Versions {
		t.Run(v, func(t *testing.T) {
			if os.Geteuid() != 0 {
				t.Skip("containerd needs root")
			}
			dir, err := os.MkdirTemp("/tmp", "flt")
			if err != nil {
				t.Fatal(err)
			}
			d := New(v, dir)
			t.Cleanup(func() {
				d.Stop(syscall.SIGTERM)
				_ = machine.UnmountBelow(dir) // what a killed daemon or its containers left; what stays shows when the directory is removed
				if err := os.RemoveAll(dir); err != nil {
					t.Errorf("%s stays: %v", dir, err)
				}
			})
			if _, err := os.Stat(d.bin); err != nil {
				t.Skipf("%s is not there: `make deps build` gets it", d.bin)
			}
			if err := d.Start(); err != nil {
				t.Fatal(err)
			}
			f(t, d)
		})
	}
}

// config leaves CRI out, and lets the restart monitor look each second. Tables of the other version's plugins are ignored.
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

// Start starts the daemon, or starts it again, and waits until it answers.
func (d *Daemon) Start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := os.MkdirAll(d.Dir, 0o755); err != nil {
		return err
	}
	toml := filepath.Join(d.Dir, "config.toml")
	text := fmt.Sprintf(config, filepath.Join(d.Dir, "root"), filepath.Join(d.Dir, "state"), d.Address, d.Address+".ttrpc", filepath.Join(d.Dir, "opt"))
	if err := os.WriteFile(toml, []byte(text), 0o644); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(d.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	d.cmd = exec.Command(d.bin, "-c", toml)
	d.cmd.Env = append(os.Environ(), "PATH="+d.path)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	d.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(d.cmd, d.done)
	return d.awaitAnswer()
}

// awaitAnswer asks the daemon for its version until it answers or has ended.
func (d *Daemon) awaitAnswer() error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		select {
		case <-d.done:
			log, _ := os.ReadFile(filepath.Join(d.Dir, "log"))
			return fmt.Errorf("%s: it ended at once:\n%s", d.bin, log)
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

// Stop ends the daemon with sig, and waits for it. Containers go on: their shims are processes of their own.
func (d *Daemon) Stop(sig syscall.Signal) {
	d.mu.Lock()
	defer d.mu.Unlock()
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

// Connect connects to the daemon.
func (d *Daemon) Connect() (*containerd.Client, error) {
	return containerd.New(d.Address, containerd.WithTimeout(10*time.Second))
}

// Client connects to the daemon, until the test ends.
func (d *Daemon) Client(t *testing.T) *containerd.Client {
	t.Helper()
	client, err := d.Connect()
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

// Blob is the path of a blob in the content store.
func (d *Daemon) Blob(dgst digest.Digest) string {
	return filepath.Join(d.Dir, "root", "io.containerd.content.v1.content", "blobs", dgst.Algorithm().String(), dgst.Encoded())
}
