package archive

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func discard(_ ocispec.Descriptor, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// FuzzOpen (well with -fuzzminimizetime 5x, or it only minimises): whatever bytes a file has, it is an image, all of it to be had, or an error that names the file; no panic, no hang.
func FuzzOpen(f *testing.F) {
	manifest := manifestOf(linuxConfig, "layer")
	docker := saved(f, []entryJSON{{Config: "c.json", RepoTags: []string{"a:1"}, Layers: []string{"l/layer.tar"}}},
		file{name: "c.json", body: linuxConfig}, file{name: "l/layer.tar", body: "layer"})
	layout := oci(f, indexOf(descOf(manifestType, manifest, ref("a:1"))), manifest, linuxConfig, "layer")
	for _, seed := range [][]byte{docker, layout, gzipped(f, docker), gzipped(f, layout), zstded(f, docker), docker[:len(docker)/2],
		tarOf(f, file{name: "a", link: "b", kind: '2'}), []byte("BZh9"), nil} {
		f.Add(seed)
	}
	path := filepath.Join(f.TempDir(), "a.tar")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		a, err := Open(ctx, path)
		if err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				t.Fatal("it hangs")
			}
			if !strings.HasPrefix(err.Error(), path+": ") {
				t.Errorf("error %q doesn't begin with its object", err)
			}
			return
		}
		found, err := a.Select("docker.io/library/a:1")
		if err != nil {
			return
		}
		err = a.Blobs(ctx, found, slices.Sorted(maps.Keys(found.Platforms)), func(d ocispec.Descriptor, r io.Reader) error {
			got, err := io.ReadAll(r)
			if err == nil && digest.FromBytes(got) != d.Digest {
				t.Errorf("%s comes with the content of %s", d.Digest, digest.FromBytes(got))
			}
			return err
		})
		if err != nil {
			t.Errorf("it is an image, and then it isn't: %v", err)
		}
	})
}
