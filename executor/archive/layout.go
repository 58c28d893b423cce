package archive

import (
	"fmt"
	"slices"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/distribution/reference"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// readLayout reads index.json: each of its entries is an image, but entries for one name, or all without a name, are one image for
// several platforms, whose target is index.json itself.
func (s *scan) readLayout() error {
	var layout ocispec.ImageLayout
	if err := s.parse("oci-layout", s.layout, &layout); err != nil {
		return err
	}
	if layout.Version != ocispec.ImageLayoutVersion {
		return fmt.Errorf("%s: its OCI layout is of version %q, and %s is what is read here", s.archive.Path, layout.Version, ocispec.ImageLayoutVersion)
	}
	if s.index == nil {
		return fmt.Errorf("%s: index.json is missing in its OCI layout. Save it again", s.archive.Path)
	}
	var index ocispec.Index
	if err := s.parse("index.json", s.index, &index); err != nil {
		return err
	}
	if len(index.Manifests) > maxChildren {
		return tooMany(s.archive.Path, "index.json", len(index.Manifests), "entries")
	}
	for _, m := range index.Manifests {
		if m.Annotations[images.AnnotationManifestSubject] != "" {
			continue
		}
		if err := m.Digest.Validate(); err != nil {
			return fmt.Errorf("%s: it is corrupt: index.json names %q, which is no digest", s.archive.Path, m.Digest)
		}
		s.merge(nameOf(m.Annotations), m)
		s.archive.images[s.at[m.Digest]].attests = m.Annotations[attestationType] != "" || m.Platform != nil && m.Platform.OS == "unknown"
	}
	if one := s.oneImage(); one != nil {
		s.archive.images = []image{*one}
	}
	return nil
}

// merge adds an entry: one more name of an image that is there, or a new one.
func (s *scan) merge(name string, m ocispec.Descriptor) {
	i, ok := s.at[m.Digest]
	if !ok {
		i = len(s.archive.images)
		s.at[m.Digest] = i
		s.archive.images = append(s.archive.images,
			image{target: ocispec.Descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: m.Size, Platform: m.Platform}})
	}
	if key := m.Digest.String() + " " + name; name != "" && !s.has[key] {
		s.has[key] = true
		s.archive.images[i].names = append(s.archive.images[i].names, name)
	}
}

// attestationType is the annotation by which BuildKit marks the entry of an index that says something of another one.
const attestationType = "vnd.docker.reference.type"

// oneImage gives index.json as the image, if its entries are several platforms of one, or versions of a platform, with what attests to them.
func (s *scan) oneImage() *image {
	all := s.archive.images
	if len(all) < 2 {
		return nil
	}
	var names []string
	seen := map[string]bool{}
	for _, im := range all {
		if im.attests {
			continue
		}
		p, ok := s.archive.fullPlatform(im.target)
		if !ok || seen[p] || len(seen) > 0 && !slices.Equal(names, im.names) {
			return nil
		}
		seen[p], names = true, im.names
	}
	for _, im := range all {
		if len(seen) == 0 || im.attests && len(im.names) > 0 && !slices.Equal(names, im.names) {
			return nil
		}
	}
	d := s.files[ocispec.ImageIndexFile]
	return &image{names: names, target: ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageIndex, Digest: d, Size: int64(len(s.index)),
	}}
}

// nameOf gives the name that an entry of index.json has: a reference in normal form, or only a tag.
func nameOf(annotations map[string]string) string {
	if n := annotations[images.AnnotationImageName]; n != "" {
		return normalName(n)
	}
	n := annotations[ocispec.AnnotationRefName]
	if named, err := reference.ParseNormalizedNamed(n); err == nil && !reference.IsNameOnly(named) {
		return normalName(n)
	}
	return n
}

func normalName(name string) string {
	if named, err := reference.ParseDockerRef(name); err == nil {
		return named.String()
	}
	return name
}
