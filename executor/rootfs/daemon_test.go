package rootfs

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/executor/ctrd/ctrdtest"
	"github.com/fairlead-dev/fairlead/spec"
)

const snapshotter = "overlayfs"

// record imports r, makes an image record of it, lets go of the lease and has the garbage collected: what stays is what the record
// keeps.
func record(t *testing.T, client *containerd.Client, name string, r *spec.Rootfs) containerd.Image {
	t.Helper()
	ctx := namespaces.WithNamespace(t.Context(), ctrdtest.Namespace)
	lease := must[leases.Lease](t)(client.LeasesService().Create(ctx, leases.WithRandomID(), leases.WithExpiration(time.Hour)))
	o := Options{Platform: "linux/" + runtime.GOARCH}
	target := must[ocispec.Descriptor](t)(Import(leases.WithLease(ctx, lease.ID), client.ContentStore(), r, o, nil))
	_ = must[images.Image](t)(client.ImageService().Create(ctx, images.Image{Name: name, Target: target}))
	check(t, client.LeasesService().Delete(ctx, lease, leases.SynchronousDelete))
	img := must[containerd.Image](t)(client.GetImage(ctx, name))
	check(t, img.Unpack(ctx, snapshotter))
	return img
}

// unpacked mounts what an image was unpacked to, and gives it to look.
func unpacked(ctx context.Context, t *testing.T, client *containerd.Client, img containerd.Image, look func(dir string)) {
	t.Helper()
	ids, err := img.RootFS(ctx)
	check(t, err)
	s := client.SnapshotService(snapshotter)
	mounts := must[[]mount.Mount](t)(s.View(ctx, "look", identity.ChainID(ids).String()))
	defer func() { check(t, s.Remove(ctx, "look")) }()
	check(t, mount.WithTempMount(ctx, mounts, func(dir string) error { look(dir); return nil }))
}

func filesOf(t *testing.T, dir string) map[string]string {
	in := inputsOf(t, rootfs(dir), host)
	delete(in, "platform linux/amd64")
	return in
}

// Whatever a root filesystem comes in, containerd unpacks it to what it was made of, and a container runs from it.
func TestImportedImagesRun(t *testing.T) {
	dir := oddTree(t)
	bin, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skip("busybox-static is not there: `make deps` gets it")
	}
	check(t, os.WriteFile(filepath.Join(dir, "bin/busybox"), bin, 0o755))
	check(t, os.Symlink("busybox", filepath.Join(dir, "bin/sh")))
	want := filesOf(t, dir)
	plain := importAll(t, rootfs(dir)).tar
	ctrdtest.Each(t, func(t *testing.T, d *ctrdtest.Daemon) {
		client := d.Client(t)
		ctx := d.Context(t, client)
		for name, path := range map[string]string{
			"directory": dir,
			"tar":       write(t, plain),
			"gzip":      write(t, through(t, plain, "gzip")),
			"zstd":      write(t, zstded(t, plain)),
			"pzstd":     write(t, append([]byte{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x'}, zstded(t, plain)...)),
			"xz":        write(t, through(t, plain, "xz")),
			"bzip2":     write(t, through(t, plain, "bzip2")),
		} {
			t.Run(name, func(t *testing.T) {
				r := &spec.Rootfs{Path: path, Config: spec.ImageConfig{
					Entrypoint: []string{"/bin/sh", "-c"}, Command: []string{"echo $HELLO; pwd"}, Env: map[string]string{"HELLO": "here I am"}, WorkingDir: "/tmp"}}
				img := record(t, client, "example.com/"+name+":1", r)
				unpacked(ctx, t, client, img, func(at string) {
					if diff := cmp.Diff(want, filesOf(t, at)); diff != "" {
						t.Error("unpacked (-want +got):", diff)
					}
				})
				if got := run(ctx, t, client, img); got != "here I am\n/tmp\n" {
					t.Errorf("it says %q", got)
				}
			})
		}
	})
}

// run runs a container of the image to its end, and gives what it says.
func run(ctx context.Context, t *testing.T, client *containerd.Client, img containerd.Image) string {
	t.Helper()
	noScore := func(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
		s.Process.OOMScoreAdj = nil // lowering it takes a capability that not every host has
		return nil
	}
	c := must[containerd.Container](t)(client.NewContainer(ctx, "c", containerd.WithSnapshotter(snapshotter), containerd.WithNewSnapshot("c", img),
		containerd.WithNewSpec(oci.WithImageConfig(img), noScore)))
	defer func() { check(t, c.Delete(ctx, containerd.WithSnapshotCleanup)) }()
	var out, errs bytes.Buffer
	task := must[containerd.Task](t)(c.NewTask(ctx, cio.NewCreator(cio.WithStreams(nil, &out, &errs))))
	defer func() {
		if _, err := task.Delete(ctx, containerd.WithProcessKill); err != nil {
			t.Error(err)
		}
	}()
	ended := must[<-chan containerd.ExitStatus](t)(task.Wait(ctx))
	check(t, task.Start(ctx))
	select {
	case status := <-ended:
		if status.ExitCode() != 0 || status.Error() != nil {
			t.Errorf("it ends with %d: %v", status.ExitCode(), status.Error())
		}
	case <-time.After(time.Minute):
		t.Error("it doesn't end")
	}
	task.IO().Wait()
	return out.String() + errs.String()
}

// A tar may name what it likes: containerd leaves the host alone.
func TestHostileNamesStayInside(t *testing.T) {
	outside := t.TempDir()
	up := strings.Repeat("../", 30) + outside[1:]
	ctrdtest.Each(t, func(t *testing.T, d *ctrdtest.Daemon) {
		client := d.Client(t)
		ctx := d.Context(t, client)
		for name, files := range map[string][]file{
			"absolute":      {{name: outside + "/x", body: "x"}},
			"up":            {{name: up + "/x", body: "x"}},
			"through-link":  {{name: "out", link: outside, kind: '2'}, {name: "out/x", body: "x"}},
			"through-uplnk": {{name: "out", link: up, kind: '2'}, {name: "out/x", body: "x"}},
		} {
			t.Run(name, func(t *testing.T) {
				img := record(t, client, "example.com/"+name+":1", rootfs(write(t, tarOf(t, files...))))
				unpacked(ctx, t, client, img, func(at string) {
					if _, err := os.Stat(filepath.Join(at, outside, "x")); name == "absolute" && err != nil {
						t.Error(err)
					}
				})
				if left := must[[]os.DirEntry](t)(os.ReadDir(outside)); len(left) > 0 {
					t.Errorf("%s is in the host's own directory", left[0].Name())
				}
			})
		}
	})
}

// What is imported stays as long as a lease of one of its imports; what was cancelled, or never recorded, is gone with it.
func TestUnrecordedImportIsCollected(t *testing.T) {
	path := write(t, tarOf(t, append(small, file{name: "big", body: strings.Repeat("x", 8<<20)})...))
	ctrdtest.Each(t, func(t *testing.T, d *ctrdtest.Daemon) {
		client := d.Client(t)
		ctx := namespaces.WithNamespace(t.Context(), ctrdtest.Namespace)
		lease := must[leases.Lease](t)(client.LeasesService().Create(ctx, leases.WithRandomID(), leases.WithExpiration(time.Hour)))
		leased := leases.WithLease(ctx, lease.ID)
		_ = must[ocispec.Descriptor](t)(Import(leased, client.ContentStore(), rootfs(path), host, nil))
		cancelled, cancel := context.WithCancel(leased)
		other := write(t, tarOf(t, append(small, file{name: "big", body: strings.Repeat("y", 8<<20)})...))
		_, err := Import(cancelled, client.ContentStore(), rootfs(other), host, func(done, _ int64) {
			if done > 6<<20 {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled it says %v", err)
		}
		second := must[leases.Lease](t)(client.LeasesService().Create(ctx, leases.WithRandomID(), leases.WithExpiration(time.Hour)))
		again := must[ocispec.Descriptor](t)(Import(leases.WithLease(ctx, second.ID), client.ContentStore(), rootfs(path), host, nil))
		check(t, client.LeasesService().Delete(ctx, lease, leases.SynchronousDelete))
		_ = readBack(ctx, t, client.ContentStore(), again)
		check(t, client.LeasesService().Delete(ctx, second, leases.SynchronousDelete))
		check(t, filepath.WalkDir(filepath.Join(d.Dir, "root/io.containerd.content.v1.content"), func(p string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				t.Errorf("%s stays", p)
			}
			return err
		}))
	})
}
