package buildkit

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// startBuildkitd starts one that works by itself, with runc, until the test ends, and gives its address.
func startBuildkitd(t *testing.T, root string) string {
	t.Helper()
	if err := os.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	host := "unix://" + root + "/s"
	log, err := os.Create(filepath.Join(root, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(program, "--addr", host, "--root", root, "--otel-socket-path", root+"/otel",
		"--containerd-worker=false", "--oci-worker=true", "--oci-worker-snapshotter=native")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "TMPDIR="+root)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	cl, err := client.New(context.Background(), host)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := cl.Wait(ctx); err != nil {
		text, _ := os.ReadFile(log.Name())
		t.Fatalf("%v\n%s", err, text)
	}
	return host
}

// twoPlatforms looks at an index of amd64 and arm64, and nothing more.
func (b *bench) twoPlatforms(res Result) {
	b.t.Helper()
	var index ocispec.Index
	b.read(res.Target, &index)
	if len(index.Manifests) != 2 || index.Annotations["org.example.note"] != "here" {
		b.t.Fatalf("%+v", index)
	}
	for i, arch := range []string{"amd64", "arm64"} {
		m, cfg := b.manifest(index.Manifests[i])
		if cfg.Architecture != arch || m.Annotations["org.example.note"] != "here" || cfg.Config.Env[1] != "ARCH="+arch {
			b.t.Errorf("%+v\n%+v", m, cfg)
		}
	}
}
