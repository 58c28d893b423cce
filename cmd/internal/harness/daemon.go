package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/opencontainers/go-digest"
)

// Daemon is a private containerd: its root, state and socket are its own.
type Daemon struct {
	Name    string // for subtests: 1.6 or 2.4
	Dir     string
	Address string // path of the socket

	bin  string
	path string // PATH of the daemon: where it finds its shim and runc
	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
}

// Debian's containerd, and the one that go.mod pins.
const (
	oldBin = "/usr/bin/containerd"
	newBin = "bin/containerd"
)

// Daemons prepares both supported versions in dir, which must have a short path: sockets are in it. top is the checkout.
func Daemons(dir, top string) []*Daemon {
	system := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	return []*Daemon{
		{Name: "1.6", Dir: filepath.Join(dir, "16"), bin: oldBin, path: system},
		{Name: "2.4", Dir: filepath.Join(dir, "24"), bin: filepath.Join(top, newBin), path: filepath.Join(top, "bin") + ":" + system},
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
	d.Address = filepath.Join(d.Dir, "c.sock")
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
	return d.await()
}

// await asks the daemon for its version until it answers or has ended.
func (d *Daemon) await() error {
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

// Stop ends the daemon with sig and waits for it. Containers go on: their shims are processes of their own.
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

// Blob is the path of a blob in the content store.
func (d *Daemon) Blob(dgst digest.Digest) string {
	return filepath.Join(d.Dir, "root", "io.containerd.content.v1.content", "blobs", dgst.Algorithm().String(), dgst.Encoded())
}

// Client connects to the daemon.
func (d *Daemon) Client() (*containerd.Client, error) {
	return containerd.New(d.Address, containerd.WithTimeout(10*time.Second))
}
