package build

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// annotationImageName is where containerd and BuildKit write an image's whole name.
const annotationImageName = "io.containerd.image.name"

// layoutImage finds the image that PATH:TAG, PATH@DIGEST or PATH names in an OCI layout.
func layoutImage(layout string) (dir, dgst string, err error) {
	if dir, dgst, ok := strings.Cut(layout, "@"); ok {
		return dir, dgst, hasBlob(dir, dgst)
	}
	dir, tag := layout, ""
	if i := strings.LastIndex(layout, ":"); i > strings.LastIndex(layout, "/") {
		dir, tag = layout[:i], layout[i+1:]
	}
	index, err := readIndex(dir)
	if err != nil {
		return "", "", err
	}
	found, tags := digestsTagged(index, cmp.Or(tag, "latest"))
	if len(found) == 0 && tag == "" {
		if found = digestsOf(index); len(found) > 1 {
			return "", "", fmt.Errorf("oci layout %s: it has %d images, and none has the tag \"latest\". Name one as %s:TAG or %s@DIGEST", dir, len(found), dir, dir)
		}
	}
	switch len(found) {
	case 1:
		return dir, found[0], hasBlob(dir, found[0])
	case 0:
		return "", "", fmt.Errorf("oci layout %s: there is no tag %q in it.%s", dir, cmp.Or(tag, "latest"), suggestion(tag, tags))
	}
	return "", "", fmt.Errorf("oci layout %s: its index gives the tag %q to %d images: %s. Name one as %s@DIGEST", dir, cmp.Or(tag, "latest"), len(found), strings.Join(found, ", "), dir)
}

func readIndex(dir string) (index ocispec.Index, err error) {
	at := filepath.Join(dir, ocispec.ImageIndexFile)
	text, err := readText(at)
	if errors.Is(err, fs.ErrNotExist) {
		return index, fmt.Errorf("oci layout %s: there is no %s in it", dir, ocispec.ImageIndexFile)
	}
	if err != nil {
		return index, err
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return index, fmt.Errorf("%s: it is no valid JSON: %w", at, err)
	}
	return index, nil
}

// digestsTagged gives the digests of what has a tag, each once, and all tags. The tag that the OCI specification has comes first, and the one in a
// whole name only where no other has that tag.
func digestsTagged(index ocispec.Index, tag string) (found, tags []string) {
	for _, annotation := range []string{ocispec.AnnotationRefName, annotationImageName} {
		for _, m := range index.Manifests {
			has := m.Annotations[annotation]
			if has == "" {
				continue
			}
			if named, err := reference.ParseNormalizedNamed(has); err == nil && (annotation == annotationImageName || strings.ContainsAny(has, "/:")) {
				if t, ok := reference.TagNameOnly(named).(reference.Tagged); ok {
					has = t.Tag()
				}
			}
			tags = append(tags, has)
			if d := m.Digest.String(); has == tag && !slices.Contains(found, d) {
				found = append(found, d)
			}
		}
		if len(found) > 0 {
			break
		}
	}
	return found, tags
}

func digestsOf(index ocispec.Index) (out []string) {
	for _, m := range index.Manifests {
		if d := m.Digest.String(); !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// hasBlob tells whether an image's document is in a layout.
func hasBlob(dir, dgst string) error {
	d, err := digest.Parse(dgst)
	if err != nil {
		return fmt.Errorf("oci layout %s: %q is no digest", dir, dgst)
	}
	_, err = readText(filepath.Join(dir, ocispec.ImageBlobsDir, d.Algorithm().String(), d.Encoded()))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("oci layout %s: there is no %s in it", dir, dgst)
	}
	return err
}
