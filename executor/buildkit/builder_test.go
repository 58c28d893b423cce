package buildkit

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/moby/sys/mountinfo"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/build"
	"github.com/fairlead-dev/fairlead/executor/ctrd/ctrdtest"
	"github.com/fairlead-dev/fairlead/executor/machine"
	"github.com/fairlead-dev/fairlead/spec"
)

// shell is the beginning of a Dockerfile whose RUNs work, without a registry.
const shell = "FROM scratch AS base\nCOPY --from=tools busybox /bin/sh\n"

// bench is a builder on a private containerd, and what is needed to use it.
type bench struct {
	*Builder
	t       *testing.T
	daemon  *ctrdtest.Daemon
	client  *containerd.Client
	ctx     context.Context
	secrets map[string]build.Secret // of each request
	tools   string                  // a directory with busybox

	mu    sync.Mutex
	lines []string // that builds reported
	notes []string
}

// each runs f with an own builder on both containerds.
func each(t *testing.T, f func(b *bench)) {
	bins(t)
	ctrdtest.Each(t, func(t *testing.T, d *ctrdtest.Daemon) { f(newBench(t, d, Options{Host: Own})) })
}

// bins puts what was built into PATH.
func bins(t *testing.T) {
	t.Helper()
	bin, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{filepath.Join(bin, program), "/bin/busybox"} {
		if _, err := os.Stat(f); err != nil {
			t.Skipf("%s is not there: `make deps build` gets it", f)
		}
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func newBench(t *testing.T, d *ctrdtest.Daemon, o Options) *bench {
	t.Helper()
	client := d.Client(t)
	o.Client, o.Address, o.Namespace, o.Stack = client, d.Address, ctrdtest.Namespace, "test"
	if o.DataRoot == "" {
		o.DataRoot = filepath.Join(d.Dir, "data")
	}
	b := &bench{Builder: New(o), t: t, daemon: d, client: client, ctx: d.Context(t, client), tools: t.TempDir()}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	busybox, err := os.ReadFile("/bin/busybox")
	if err == nil {
		err = os.WriteFile(filepath.Join(b.tools, "busybox"), busybox, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// inline is a request for a Dockerfile without a context, but for the tools.
func (b *bench) inline(record, dockerfile string) Request {
	return Request{Record: record, Build: &spec.Build{
		Inline:   dockerfile,
		Contexts: map[string]spec.BuildContext{"tools": {Dir: b.tools}},
	}}
}

func (b *bench) report(p executor.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, p.Lines...)
	b.notes = append(b.notes, p.Note)
}

// log is all that was reported.
func (b *bench) log() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(append(b.lines, b.notes...), "\n")
}

// Build reads what a request needs of this side, as those who call a Builder do. Where the Dockerfile has a fault, that is left to the builder.
func (b *bench) Build(ctx context.Context, r Request, report func(executor.Progress)) (Result, error) {
	secrets := r.Build.Secrets
	r.Build.Secrets = nil
	read, err := build.Read(ctx, r.Build, build.Options{Host: "linux/amd64", Platforms: r.Platforms})
	r.Build.Secrets = secrets
	if err != nil {
		plain := *r.Build
		plain.Inline, plain.Target = "FROM scratch\n", ""
		for name := range plain.Contexts {
			plain.Inline += "COPY --from=" + name + " x /\n"
		}
		if read, err = build.Read(ctx, &plain, build.Options{Host: "linux/amd64"}); err != nil {
			return Result{}, err
		}
		read.Local.Text = []byte(r.Build.Inline)
	}
	r.Local = read.Local
	if b.secrets != nil {
		r.Local.Secrets = b.secrets
	}
	if r.Key, err = r.Local.Prepare(ctx, filepath.Join(b.o.DataRoot, "seen")); err != nil {
		return Result{}, err
	}
	return b.Builder.Build(ctx, r, report)
}

func (b *bench) build(r Request) Result {
	b.t.Helper()
	res, err := b.Build(b.ctx, r, b.report)
	if err != nil {
		b.t.Fatalf("%v\n%s", err, b.log())
	}
	return res
}

// manifest reads a built image's manifest and config.
func (b *bench) manifest(target ocispec.Descriptor) (m ocispec.Manifest, cfg ocispec.Image) {
	b.t.Helper()
	b.read(target, &m)
	b.read(m.Config, &cfg)
	return m, cfg
}

func (b *bench) read(d ocispec.Descriptor, v any) {
	b.t.Helper()
	raw, err := content.ReadBlob(b.ctx, b.client.ContentStore(), d)
	if err == nil {
		err = json.Unmarshal(raw, v)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// files gives the regular files of all layers of an image.
func (b *bench) files(target ocispec.Descriptor) map[string]string {
	b.t.Helper()
	m, _ := b.manifest(target)
	out := map[string]string{}
	for _, l := range m.Layers {
		ra, err := b.client.ContentStore().ReaderAt(b.ctx, l)
		if err != nil {
			b.t.Fatal(err)
		}
		defer ra.Close()
		plain, err := compression.DecompressStream(content.NewReader(ra))
		if err != nil {
			b.t.Fatal(err)
		}
		for tr := tar.NewReader(plain); ; {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.t.Fatal(err)
			}
			if h.Typeflag == tar.TypeReg {
				body, err := io.ReadAll(tr)
				if err != nil {
					b.t.Fatal(err)
				}
				out[h.Name] = string(body)
			}
		}
	}
	return out
}

// collect runs containerd's garbage collection, as any synchronous deletion does.
func (b *bench) collect() {
	b.t.Helper()
	ls := b.client.LeasesService()
	ctx := namespaces.WithNamespace(context.Background(), ctrdtest.Namespace)
	l, err := ls.Create(ctx, leases.WithRandomID())
	if err == nil {
		err = ls.Delete(ctx, l, leases.SynchronousDelete)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// unlease lets the test's lease go, so that only records keep content.
func (b *bench) unlease() {
	b.t.Helper()
	id, _ := leases.FromContext(b.ctx)
	if err := b.client.LeasesService().Delete(b.ctx, leases.Lease{ID: id}); err != nil && !errdefs.IsNotFound(err) {
		b.t.Fatal(err)
	}
	b.ctx = namespaces.WithNamespace(context.Background(), ctrdtest.Namespace)
}

// whole reads all of an image; false: some of it is gone.
func (b *bench) whole(target ocispec.Descriptor) bool {
	store := b.client.ContentStore()
	err := images.Walk(b.ctx, images.HandlerFunc(func(ctx context.Context, d ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		if _, err := store.Info(ctx, d.Digest); err != nil {
			return nil, err
		}
		return images.Children(ctx, store, d)
	}), target)
	return err == nil
}

// left is what builds have left in the namespace, but for the cache, and below the builder's root.
func (b *bench) left() []string {
	b.t.Helper()
	ctx := namespaces.WithNamespace(context.Background(), ctrdtest.Namespace)
	var out []string
	all, err := b.client.ContainerService().List(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range all {
		out = append(out, "container "+c.ID)
	}
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(b.daemon.Dir))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, m := range mounts {
		out = append(out, "mount "+m.Mountpoint)
	}
	for _, p := range machine.ByArgs(func([]string) bool { return true }) {
		line := strings.Join(p.Args, " ")
		if strings.Contains(line, b.root()+"/") || strings.Contains(line, "shim") && strings.Contains(line, b.daemon.Address) {
			out = append(out, "process "+line)
		}
	}
	return out
}
