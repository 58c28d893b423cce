package rootfs

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	unpacking "github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/log"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// file is an entry of a tar that a test writes by hand.
type file struct {
	name, body, link string
	kind             byte // 0 is a file
}

func tarOf(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Linkname: f.link, Size: int64(len(f.body)), Mode: 0o755, Typeflag: f.kind}
		if f.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		_ = must[int](t)(io.WriteString(w, f.body))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// through runs b through a program.
func through(t testing.TB, b []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(b), os.Stderr
	return must[[]byte](t)(cmd.Output())
}

func zstded(t testing.TB, b []byte) []byte {
	t.Helper()
	w := must[*zstd.Encoder](t)(zstd.NewWriter(nil))
	defer w.Close()
	return w.EncodeAll(b, nil)
}

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rootfs.tar")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// memory keeps the labels that a local content store needs a database for.
type memory map[digest.Digest]map[string]string

func (m memory) Get(d digest.Digest) (map[string]string, error) { return m[d], nil }
func (m memory) Set(d digest.Digest, l map[string]string) error { m[d] = l; return nil }
func (m memory) Update(d digest.Digest, l map[string]string) (map[string]string, error) {
	if m[d] == nil {
		m[d] = map[string]string{}
	}
	for k, v := range l {
		m[d][k] = v
	}
	return m[d], nil
}

func TestMain(m *testing.M) {
	_ = log.SetLevel("error") // a local content store warns where its filesystem has no fs-verity
	os.Exit(m.Run())
}

// newStore gives a content store of its own in a directory.
func newStore(t testing.TB) (content.Store, string) {
	t.Helper()
	dir := t.TempDir()
	return must[content.Store](t)(local.NewLabeledStore(dir, memory{})), dir
}

var host = Options{Platform: "linux/amd64"}

func rootfs(path string) *spec.Rootfs { return &spec.Rootfs{Path: path} }

// result is an image as it is read back.
type result struct {
	target ocispec.Descriptor
	layer  ocispec.Descriptor
	blob   []byte // of the layer
	tar    []byte
	config ocispec.Image
}

func importAll(t testing.TB, r *spec.Rootfs) result {
	t.Helper()
	store, _ := newStore(t)
	return readBack(t.Context(), t, store, must[ocispec.Descriptor](t)(Import(t.Context(), store, r, host, nil)))
}

func readBack(ctx context.Context, t testing.TB, store content.Store, target ocispec.Descriptor) result {
	t.Helper()
	out := result{target: target}
	var m ocispec.Manifest
	parse(t, must[[]byte](t)(content.ReadBlob(ctx, store, target)), &m)
	parse(t, must[[]byte](t)(content.ReadBlob(ctx, store, m.Config)), &out.config)
	if len(m.Layers) != 1 || len(out.config.RootFS.DiffIDs) != 1 {
		t.Fatalf("%d layers and %d diff IDs; want one", len(m.Layers), len(out.config.RootFS.DiffIDs))
	}
	out.layer = m.Layers[0]
	out.blob = must[[]byte](t)(content.ReadBlob(ctx, store, out.layer))
	if digest.FromBytes(out.blob) != out.layer.Digest {
		t.Errorf("the layer's digest is %s; want %s", digest.FromBytes(out.blob), out.layer.Digest)
	}
	if got := must[digest.Digest](t)(images.GetDiffID(ctx, store, out.layer)); got != out.config.RootFS.DiffIDs[0] {
		t.Errorf("containerd finds the diff ID %s; the config says %s", got, out.config.RootFS.DiffIDs[0])
	}
	z := must[unpacking.DecompressReadCloser](t)(unpacking.DecompressStream(bytes.NewReader(out.blob)))
	defer z.Close()
	out.tar = must[[]byte](t)(io.ReadAll(z))
	return out
}

func parse(t testing.TB, b []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func inputsOf(t testing.TB, r *spec.Rootfs, o Options) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, i := range must[planner.Inputs](t)(Inputs(t.Context(), r, o)) {
		out[string(i.Kind)+" "+i.Name] = i.Value
	}
	return out
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
