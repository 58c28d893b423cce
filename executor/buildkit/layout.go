package buildkit

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// layoutImage finds the image that PATH:TAG or PATH@DIGEST names in an OCI layout.
func layoutImage(word string) (dir string, d digest.Digest, err error) {
	if dir, raw, ok := strings.Cut(word, "@"); ok {
		d, err := digest.Parse(raw)
		if err != nil {
			return "", "", fmt.Errorf("%s: %q is no digest", word, raw)
		}
		return dir, d, nil
	}
	dir, tag := word, "latest"
	if at := strings.LastIndex(word, ":"); at > strings.LastIndex(word, "/") {
		dir, tag = word[:at], word[at+1:]
	}
	b, err := os.ReadFile(filepath.Join(dir, ocispec.ImageIndexFile))
	if err != nil {
		return "", "", unreadable("OCI layout", dir, err)
	}
	var index ocispec.Index
	if err := json.Unmarshal(b, &index); err != nil {
		return "", "", fmt.Errorf("OCI layout %s: its index.json cannot be read: %w", dir, err)
	}
	for _, m := range index.Manifests {
		name := m.Annotations[ocispec.AnnotationRefName]
		if name == tag || strings.HasSuffix(m.Annotations[images.AnnotationImageName], ":"+tag) {
			return dir, m.Digest, nil
		}
	}
	if len(index.Manifests) == 1 && dir == word {
		return dir, index.Manifests[0].Digest, nil
	}
	return "", "", fmt.Errorf("OCI layout %s: it has no image with the tag %s. Name another, or @DIGEST", dir, tag)
}
