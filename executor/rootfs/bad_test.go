package rootfs

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sys/unix"
)

func wantError(t *testing.T, what string, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error; want %q", what, want)
		return
	}
	for i, w := range want {
		if at := strings.Index(err.Error(), w); at < 0 || i == 0 && at > 0 {
			t.Errorf("%s: error is %q; want %q in it", what, err, w)
		}
	}
}

// wantNothing looks for what a failed import left in a content store.
func wantNothing(t *testing.T, dir string) {
	t.Helper()
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("%s stays", path)
		}
		return err
	}))
}

func TestBadTarFiles(t *testing.T) {
	whole := tarOf(t, small...)
	noise := make([]byte, 400<<10) // of several blocks of bzip2 -1
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	large := tarOf(t, file{name: "noise", body: string(noise)})
	text := bytes.Repeat([]byte("this is no tar, whatever it is. "), 100)
	for _, tt := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "it is empty: there is no root filesystem in it"},
		{"a tar of nothing", tarOf(t), "it is empty: there is no root filesystem in it"},
		{"short", []byte("x"), "it is no tar file"},
		{"text", text, "it is no tar file"},
		{"text, compressed", through(t, text, "gzip"), "it is no tar file"},
		{"zip", []byte("PK\x03\x04" + strings.Repeat("x", 2000)), "it is no tar file"},
		{"cut off in a file", whole[:512*3+3], "it ends too early"},
		{"cut off between files", whole[:512*2], "it ends too early"},
		{"gzip, cut off", cut(through(t, whole, "gzip")), "it ends too early"},
		{"gzip, its checksum cut off", through(t, whole, "gzip")[:len(through(t, whole, "gzip"))-4], "it ends too early"},
		{"zstd, cut off", cut(zstded(t, whole)), "it ends too early"},
		{"xz, cut off", cut(through(t, whole, "xz")), "it is corrupt: xz: data is truncated or corrupt"},
		{"bzip2, cut off", cut(through(t, large, "bzip2", "-1")), "it ends too early"},
		{"gzip, only its beginning", []byte{0x1f, 0x8b, 8}, "it ends too early"},
		{"gzip, damaged", flipped(through(t, whole, "gzip")), "it is corrupt"},
		{"xz, damaged", flipped(through(t, whole, "xz")), "it is corrupt"},
		{"bzip2, damaged", flipped(through(t, large, "bzip2", "-1")), "it is corrupt"},
		{"gzip, and something after it", append(through(t, whole, "gzip"), "more than a header"...), "it is corrupt"},
		{"a damaged header", append(bytes.Clone(whole[:512*2]), flipped(whole[512*2:512*3])...), "it is corrupt"},
		{"xz that takes a lot of memory", through(t, whole, "xz", "--lzma2=preset=0,dict=192MiB"), "unpacking it takes more than 128 MiB of memory"},
		{"zstd that takes a lot of memory", through(t, bytes.Repeat(whole, 100), "zstd", "-1", "--long=30", "-c"), "unpacking it takes more than 128 MiB of memory"},
		{"an image's archive", tarOf(t, file{name: "manifest.json"}, file{name: "repositories"}), "it is the archive of an image, not a root filesystem: use load"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, tt.file)
			store, at := newStore(t)
			_, err := Import(t.Context(), store, rootfs(path), host, nil)
			wantError(t, "import", err, path+": ", tt.want)
			wantNothing(t, at)
		})
	}
}

func cut(b []byte) []byte { return b[:len(b)*2/3] }

func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)/2] ^= 0xff
	return b
}

func TestBadPaths(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	check(t, unix.Mkfifo(pipe, 0o600))
	for _, tt := range []struct{ name, path, want string }{
		{"missing", filepath.Join(dir, "no.tar"), "there is no such file or directory"},
		{"a pipe", pipe, "it is no tar file"},
		{"in a file", filepath.Join(write(t, nil), "x"), "it cannot be read: not a directory"},
	} {
		_, err := Inputs(t.Context(), rootfs(tt.path), host)
		wantError(t, tt.name, err, tt.path+": ", tt.want)
	}
	path := write(t, tarOf(t, small...))
	store, _ := newStore(t)
	_, err := Import(t.Context(), store, rootfs(path), Options{Platform: "no/such/platform/at all"}, nil)
	wantError(t, "platform", err, path+": platform ")
}

func TestTarFileThatChangesIsRefused(t *testing.T) {
	path := write(t, tarOf(t, append(small, file{name: "big", body: strings.Repeat("x", 4<<20)})...))
	age(t, path)
	store, at := newStore(t)
	done := false
	_, err := Import(t.Context(), store, rootfs(path), host, func(int64, int64) {
		if !done {
			done = true
			check(t, os.Truncate(path, 1<<20))
		}
	})
	wantError(t, "import", err, path+": it changed while it was read")
	wantNothing(t, at)
}

func TestCancelledImportLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	path := write(t, tarOf(t, append(small, file{name: "big", body: strings.Repeat("x", 4<<20)})...))
	store, at := newStore(t)
	_, err := Import(ctx, store, rootfs(path), host, func(int64, int64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	wantNothing(t, at)
}

// A small file that unpacks to a gigabyte goes through in little memory.
func TestBombIsStreamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bomb.tar.gz")
	f := must[*os.File](t)(os.Create(path))
	z := gzip.NewWriter(f)
	tw := tar.NewWriter(z)
	check(t, tw.WriteHeader(&tar.Header{Name: "zeros", Size: 1 << 30, Mode: 0o644}))
	_ = must[int64](t)(io.CopyN(tw, zeros{}, 1<<30))
	check(t, errors.Join(tw.Close(), z.Close(), f.Close()))
	store, _ := newStore(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Import(t.Context(), store, rootfs(path), host, nil)
	check(t, err)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 32<<20 {
		t.Errorf("%d MiB were allocated", n>>20)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
