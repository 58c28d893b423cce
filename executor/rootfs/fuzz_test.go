package rootfs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FuzzImport (well with -fuzzminimizetime 5x, or it only minimises): whatever bytes a file has, it is an image that can be read back,
// or an error that names the file; no panic, no hang.
func FuzzImport(f *testing.F) {
	whole := tarOf(f, small...)
	for _, seed := range [][]byte{whole, whole[:700], through(f, whole, "gzip"), zstded(f, whole), through(f, whole, "xz"), through(f, whole, "bzip2"), {0x50, 0x2a, 0x4d, 0x18}, nil} {
		f.Add(seed)
	}
	path := filepath.Join(f.TempDir(), "rootfs.tar")
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, os.WriteFile(path, b, 0o600))
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		store, _ := newStore(t)
		target, err := Import(ctx, store, rootfs(path), host, nil)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			t.Fatal("it hangs")
		case err == nil:
			readBack(t.Context(), t, store, target)
		case !strings.HasPrefix(err.Error(), path+": "):
			t.Errorf("error %q doesn't begin with its object", err)
		}
	})
}
