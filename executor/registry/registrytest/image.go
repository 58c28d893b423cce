package registrytest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
)

// Image makes an image for linux on arch, of that many layers of size bytes each.
func Image(t *testing.T, arch string, size, layers int64) v1.Image {
	t.Helper()
	img, err := random.Image(size, layers)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	cfg = cfg.DeepCopy()
	cfg.OS, cfg.Architecture = "linux", arch
	if img, err = mutate.ConfigFile(img, cfg); err != nil {
		t.Fatal(err)
	}
	return img
}

// Index makes an index of images, by platform as os/arch[/variant].
func Index(images map[string]v1.Image) v1.ImageIndex {
	var idx v1.ImageIndex = empty.Index
	for _, p := range slices.Sorted(maps.Keys(images)) {
		parts := strings.Split(p+"//", "/")
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{Add: images[p],
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}}})
	}
	return idx
}

// Digest gives content's digest.
func Digest(t *testing.T, what Content) string {
	t.Helper()
	d, err := what.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}
