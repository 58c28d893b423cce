package rootfs

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/executor/statcache"
	"github.com/fairlead-dev/fairlead/spec"
)

var small = []file{{name: "./", kind: '5'}, {name: "./etc/", kind: '5'}, {name: "./etc/motd", body: "hello\n"}, {name: "./etc/link", link: "motd", kind: '2'}}

// What containerd can unpack is stored byte for byte; the rest is compressed anew. The tar in it stays what it was.
func TestEveryCompression(t *testing.T) {
	packed := tarOf(t, small...)
	for _, tt := range []struct {
		name      string
		file      []byte
		mediaType string
		kept      bool
	}{
		{"plain", packed, ocispec.MediaTypeImageLayer, true},
		{"gzip", through(t, packed, "gzip"), ocispec.MediaTypeImageLayerGzip, true},
		{"two gzips", append(through(t, packed[:700], "gzip"), through(t, packed[700:], "gzip")...), ocispec.MediaTypeImageLayerGzip, true},
		{"zstd", zstded(t, packed), ocispec.MediaTypeImageLayerZstd, true},
		{"zstd, a frame to skip first", append([]byte{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x'}, zstded(t, packed)...), ocispec.MediaTypeImageLayerGzip, false},
		{"xz", through(t, packed, "xz", "-9"), ocispec.MediaTypeImageLayerGzip, false},
		{"xz, filtered", through(t, packed, "xz", "--x86", "--lzma2"), ocispec.MediaTypeImageLayerGzip, false},
		{"bzip2", through(t, packed, "bzip2"), ocispec.MediaTypeImageLayerGzip, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, tt.file)
			got := importAll(t, rootfs(path))
			if got.layer.MediaType != tt.mediaType || bytes.Equal(got.blob, tt.file) != tt.kept {
				t.Errorf("a layer of type %s; kept as it is: %t", got.layer.MediaType, bytes.Equal(got.blob, tt.file))
			}
			if !bytes.Equal(got.tar, packed) {
				t.Error("the tar in it is another")
			}
			if again := importAll(t, rootfs(path)); again.target.Digest != got.target.Digest {
				t.Errorf("imported again it is %s; was %s", again.target.Digest, got.target.Digest)
			}
		})
	}
}

// The config says what the block says, and nothing of when or where; the manifest's labels keep what it refers to.
func TestConfigAndLabels(t *testing.T) {
	r := rootfs(write(t, tarOf(t, small...)))
	r.Platform = "linux/arm/v7"
	r.Config = spec.ImageConfig{
		Entrypoint: []string{"/bin/sh", "-c"}, Command: []string{"id"}, Env: map[string]string{"B": "2", "A": "1"}, WorkingDir: "/w", User: "1:2",
		StopSignal: "SIGINT", Expose: []string{"80/tcp"}, Volumes: []string{"/data"}, Labels: map[string]string{"a": "b"},
	}
	store, _ := newStore(t)
	target := must[ocispec.Descriptor](t)(Import(t.Context(), store, r, host, nil))
	got := readBack(t.Context(), t, store, target)
	epoch := time.Unix(0, 0).UTC()
	want := ocispec.Image{
		Created: &epoch, Platform: ocispec.Platform{OS: "linux", Architecture: "arm", Variant: "v7"},
		Config: ocispec.ImageConfig{
			Entrypoint: []string{"/bin/sh", "-c"}, Cmd: []string{"id"}, Env: []string{"A=1", "B=2"}, WorkingDir: "/w", User: "1:2", StopSignal: "SIGINT",
			ExposedPorts: map[string]struct{}{"80/tcp": {}}, Volumes: map[string]struct{}{"/data": {}}, Labels: map[string]string{"a": "b"},
		},
		RootFS:  ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{got.layer.Digest}},
		History: []ocispec.History{{Created: &epoch, Comment: "imported by fairlead"}},
	}
	if diff := cmp.Diff(want, got.config); diff != "" {
		t.Error("config (-want +got):", diff)
	}
	info := must[content.Info](t)(store.Info(t.Context(), target.Digest))
	if l := info.Labels; l["containerd.io/gc.ref.content.l.0"] != got.layer.Digest.String() || l["containerd.io/gc.ref.content.config"] == "" {
		t.Errorf("labels of the manifest: %v", l)
	}
	in := inputsOf(t, r, host)
	delete(in, "file rootfs.tar")
	if diff := cmp.Diff(map[string]string{
		"platform linux/arm/v7": "yes", `option config.entrypoint`: `["/bin/sh" "-c"]`, "option config.command": `["id"]`, `option config.env["A"]`: "1",
		`option config.env["B"]`: "2", "option config.working_dir": "/w", "option config.user": "1:2", "option config.stop_signal": "SIGINT",
		"option config.expose": `["80/tcp"]`, "option config.volumes": `["/data"]`, `option config.labels["a"]`: "b",
	}, in); diff != "" {
		t.Error("inputs (-want +got):", diff)
	}
}

// Who touches a file changes no input; who changes it does, also if size and time stay.
func TestInputsOfATarFile(t *testing.T) {
	o := Options{Platform: "linux/amd64", CacheDir: filepath.Join(t.TempDir(), "cache")}
	path := write(t, tarOf(t, small...))
	age(t, path)
	first := inputsOf(t, rootfs(path), o)["file rootfs.tar"]
	if want := digest.FromBytes(must[[]byte](t)(os.ReadFile(path))).String(); first != want {
		t.Errorf("input is %s; want the digest %s", first, want)
	}
	touched := time.Now().Add(time.Hour)
	check(t, os.Chtimes(path, touched, touched))
	if got := inputsOf(t, rootfs(path), o)["file rootfs.tar"]; got != first {
		t.Errorf("touched it is %s; was %s", got, first)
	}
	at := must[os.FileInfo](t)(os.Stat(path)).ModTime()
	b := must[[]byte](t)(os.ReadFile(path))
	copy(b[512*3:], "HELLO")
	check(t, os.WriteFile(path, b, 0o600))
	check(t, os.Chtimes(path, at, at))
	if got := inputsOf(t, rootfs(path), o)["file rootfs.tar"]; got == first {
		t.Error("changed it is the same")
	}
}

// A digest is remembered when its file was left alone, and never for a file that might still change within its time.
func TestDigestsAreRemembered(t *testing.T) {
	path := write(t, tarOf(t, small...))
	for _, tt := range []struct {
		name string
		wait time.Duration
		want bool
	}{{"fresh", 0, false}, {"settled", statcache.Settled + 100*time.Millisecond, true}} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cache")
			time.Sleep(tt.wait)
			_ = inputsOf(t, rootfs(path), Options{Platform: "linux/amd64", CacheDir: dir})
			f := must[*os.File](t)(os.Open(path))
			defer f.Close()
			stat, err := fstat(f)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := openCache(dir, path).recall("", stat); ok != tt.want {
				t.Errorf("remembered: %t; want %t", ok, tt.want)
			}
			files, _ := filepath.Glob(filepath.Join(dir, "*"))
			if got := len(files) == 1; got != tt.want {
				t.Errorf("files in the cache: %v", files)
			}
			for _, f := range files {
				if m := must[os.FileInfo](t)(os.Stat(f)).Mode(); m != 0o600 {
					t.Errorf("%s has mode %s", f, m)
				}
				check(t, os.WriteFile(f, []byte("nonsense"), 0o600))
			}
			_ = inputsOf(t, rootfs(path), Options{Platform: "linux/amd64", CacheDir: dir}) // a damaged cache is none
		})
	}
}

func age(t *testing.T, path string) {
	t.Helper()
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
}
