package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
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

// imageFor makes an image that is the same at each run, and another for each arch.
func imageFor(t testing.TB, arch string) v1.Image {
	t.Helper()
	seed := int64(0)
	for _, r := range arch {
		seed = seed*31 + int64(r)
	}
	img := must[v1.Image](t)(random.Image(3000, 2, random.WithSource(rand.NewSource(seed))))
	cfg := must[*v1.ConfigFile](t)(img.ConfigFile()).DeepCopy()
	cfg.OS, cfg.Architecture = "linux", arch
	return must[v1.Image](t)(mutate.ConfigFile(img, cfg))
}

func indexFor(t testing.TB, arches ...string) v1.ImageIndex {
	t.Helper()
	var idx v1.ImageIndex = empty.Index
	for _, a := range arches {
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{
			Add: imageFor(t, a), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: a}}})
	}
	return idx
}

// dockerSave writes images as docker save does, with gzip'd layers.
func dockerSave(t testing.TB, images map[string]v1.Image) []byte {
	t.Helper()
	tags := map[name.Tag]v1.Image{}
	for n, img := range images {
		tags[must[name.Tag](t)(name.NewTag(n))] = img
	}
	var b bytes.Buffer
	if err := tarball.MultiWrite(tags, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// named is an entry of a layout's index.json.
type named struct {
	what any // v1.Image or v1.ImageIndex
	name string
	with *v1.Platform
}

// ociLayout writes an OCI layout and gives its directory.
func ociLayout(t testing.TB, what ...named) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	l := must[layout.Path](t)(layout.Write(dir, empty.Index))
	for _, w := range what {
		var opts []layout.Option
		if w.name != "" {
			opts = append(opts, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": w.name}))
		}
		if w.with != nil {
			opts = append(opts, layout.WithPlatform(*w.with))
		}
		var err error
		switch x := w.what.(type) {
		case v1.Image:
			err = l.AppendImage(x, opts...)
		case v1.ImageIndex:
			err = l.AppendIndex(x, opts...)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// file is an entry of a tar that a test writes by hand.
type file struct {
	name, body string
	link       string
	kind       byte // 0 is a file
}

func tarOf(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Linkname: f.link, Size: int64(len(f.body)), Mode: 0o644, Typeflag: f.kind}
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

// tarDir packs a directory, as `tar -C dir -c .` does.
func tarDir(t testing.TB, dir string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_ = must[int](t)(w.Write(b))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstded(t testing.TB, b []byte) []byte {
	t.Helper()
	w := must[*zstd.Encoder](t)(zstd.NewWriter(nil))
	defer w.Close()
	return w.EncodeAll(b, nil)
}

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.tar")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func blobName(d digest.Digest) string { return "blobs/sha256/" + d.Encoded() }

func blobFile(body string) file { return file{name: blobName(digest.FromString(body)), body: body} }

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
)

// descOf writes a descriptor of body in JSON; more is what stands in it besides.
func descOf(mediaType, body, more string) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d%s}`, mediaType, digest.FromString(body), len(body), more)
}

func manifestOf(config string, layers ...string) string {
	descs := make([]string, len(layers))
	for i, l := range layers {
		descs[i] = descOf(layerType, l, "")
	}
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]}`, manifestType, descOf(configType, config, ""), strings.Join(descs, ","))
}

func indexOf(descs ...string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, indexType, strings.Join(descs, ","))
}

var ociFile = file{name: "oci-layout", body: `{"imageLayoutVersion":"1.0.0"}`}

const linuxConfig = `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`

// oci is an OCI archive written by hand: index.json and blobs.
func oci(t testing.TB, index string, blobs ...string) []byte {
	t.Helper()
	files := []file{ociFile, {name: "index.json", body: index}}
	for _, b := range blobs {
		files = append(files, blobFile(b))
	}
	return tarOf(t, files...)
}

// saved is a docker archive written by hand: what manifest.json says, and files.
func saved(t testing.TB, list any, files ...file) []byte {
	t.Helper()
	b := must[[]byte](t)(json.Marshal(list))
	return tarOf(t, append(files, file{name: "manifest.json", body: string(b)})...)
}

type entryJSON struct {
	Config   string
	RepoTags []string
	Layers   []string
}
