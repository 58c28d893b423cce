package main

import (
	"context"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
)

// toolchainBlock stands for the toolchain that the example takes from a registry: an image block of the name that its FROM says.
const toolchainBlock = `image "toolchain" {
  name   = var.toolchain
  import = "toolchain.tar"
  config { env = { PATH = "/usr/local/go/bin:/bin" } }
}
`

// TestCrossArchExample builds examples/cross-arch with this machine's own Go: each platform's program is of its architecture, and runs.
func TestCrossArchExample(t *testing.T) {
	if !full() {
		t.Skip("it makes a toolchain's image and compiles for three architectures: make test-full")
	}
	shared.start(t)
	for _, d := range shared.daemons {
		t.Run(d.Version, func(t *testing.T) {
			l := newLab(t, d)
			l.example("cross-arch")
			toolchain(t, filepath.Join(l.dir, "toolchain.tar"))
			if err := os.WriteFile(filepath.Join(l.dir, "toolchain.fairlead.hcl"), []byte(toolchainBlock), 0o644); err != nil {
				t.Fatal(err)
			}
			defer l.empty()
			l.must("apply", "--yes")
			l.must("plan", "--detailed-exitcode")
			for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "riscv64": elf.EM_RISCV} {
				if got := l.machine("docker.io/cross-arch/hello:latest", "linux/"+arch, "hello"); got != machine {
					t.Errorf("the program for %s is of %s", arch, got)
				}
				l.logged("hello from " + arch + ", built by a program of " + arch)
			}
		})
	}
}

// TestBoardExample builds examples/board, whose compiler then runs under emulation.
func TestBoardExample(t *testing.T) {
	if !full() {
		t.Skip("it makes a Debian and installs compilers under emulation: make test-full")
	}
	shared.start(t)
	d := shared.daemons[len(shared.daemons)-1]
	l := newLab(t, d)
	l.example("board")
	defer l.empty()
	l.must("apply", "--yes", "--target", "emulator.arm64")
	if out, err := exec.Command(filepath.Join(l.dir, "base")).CombinedOutput(); err != nil {
		t.Fatalf("base: %v\n%s", err, out)
	}
	l.must("apply", "--yes")
	l.must("plan", "--detailed-exitcode")
	if got := l.machine("docker.io/library/realsee-camera-riemann:0.test.528", "linux/arm64", "opt/camera/local/bin/camera"); got != elf.EM_AARCH64 {
		t.Errorf("the camera's program is of %s", got)
	}
	l.logged("gcc (Debian ")
	l.logged("camera riemann with lens wide on aarch64")
}

// example copies an example into the lab.
func (l *lab) example(name string) {
	l.t.Helper()
	if err := os.CopyFS(l.dir, os.DirFS(filepath.Join(shared.top, "examples", name))); err != nil {
		l.t.Fatal(err)
	}
}

// empty destroys the stack, and empties the builder's cache.
func (l *lab) empty() {
	l.t.Helper()
	l.must("destroy", "--yes")
	l.must("prune", "--all", "--yes")
}

// logged waits until a container has written a line that begins with text.
func (l *lab) logged(text string) {
	l.t.Helper()
	var all strings.Builder
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		all.Reset()
		logs, err := filepath.Glob(filepath.Join(l.dataRoot(), "*", "*", "*", "*", "output.log"))
		if err != nil {
			l.t.Fatal(err)
		}
		for _, path := range logs {
			b, err := os.ReadFile(path)
			if err != nil {
				l.t.Fatal(err)
			}
			all.WriteString("\n" + string(b))
		}
		if strings.Contains(all.String(), "\n"+text) {
			return
		}
	}
	l.t.Errorf("no container said %q, but:%s", text, all.String())
}

// machine is that of the program at path in what is unpacked of an image.
func (l *lab) machine(image, platform, path string) elf.Machine {
	l.t.Helper()
	client, err := l.daemon.Connect()
	if err != nil {
		l.t.Fatal(err)
	}
	defer client.Close()
	ctx := namespaces.WithNamespace(context.Background(), l.namespace)
	rec, err := client.ImageService().Get(ctx, image)
	if err != nil {
		l.t.Fatal(err)
	}
	layers, err := containerd.NewImageWithPlatform(client, rec, platforms.OnlyStrict(platforms.MustParse(platform))).RootFS(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	return machineIn(ctx, l.t, client.SnapshotService("overlayfs"), layers, path)
}

// machineIn looks into unpacked layers, through a snapshot of its own.
func machineIn(ctx context.Context, t *testing.T, s snapshots.Snapshotter, layers []digest.Digest, path string) (machine elf.Machine) {
	t.Helper()
	const key = "looked-into"
	mounts, err := s.View(ctx, key, identity.ChainID(layers).String())
	if err != nil {
		t.Fatalf("it is not unpacked: %v", err)
	}
	defer func() {
		if err := s.Remove(ctx, key); err != nil {
			t.Error(err)
		}
	}()
	err = mount.WithTempMount(ctx, mounts, func(root string) error {
		program, err := elf.Open(filepath.Join(root, path))
		if err != nil {
			return err
		}
		machine = program.Machine
		return program.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	return machine
}

// toolchain writes a root filesystem with this machine's Go, as far as a small program needs it, and a shell.
func toolchain(t *testing.T, file string) {
	t.Helper()
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, sub := range []string{"bin", "tmp", "usr/local"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"bin/sh": "/usr/bin/busybox", "usr/local/go": strings.TrimSpace(string(goroot))} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"--create", "--dereference", "--file", file, "--exclude", "*_test.go", "--exclude", "testdata", "--exclude", "src/cmd", "--directory", dir, "bin", "tmp"}
	tools := "pkg/tool/linux_" + runtime.GOARCH
	for _, part := range []string{"bin/go", "go.env", "VERSION", "src", "pkg/include", tools + "/compile", tools + "/link", tools + "/asm"} {
		args = append(args, "usr/local/go/"+part)
	}
	cmd := exec.Command("tar", args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
}
