package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/spec"
)

// maxDepth bounds indexes in indexes.
const maxDepth = 4

// Found is one image of an archive.
type Found struct {
	Name      string // as the archive names it; "" where it doesn't
	Digest    string // exactly what a record gets that is made from it
	Target    ocispec.Descriptor
	Platforms map[string]int64 // those that are whole in it: normalised platform → bytes

	Missing string // the digest of something that it names and the archive doesn't have; "" where it is whole

	Rest int64 // bytes of all else that its index names: attestations, more versions of a platform, and the like

	blobs map[string][]ocispec.Descriptor // of each platform, without the documents above it
	rest  []ocispec.Descriptor
	trunk []ocispec.Descriptor // indexes

	children map[digest.Digest][]ocispec.Descriptor // of each document that was read
}

// Names gives the names of the images in the archive, sorted; a tag alone where the archive says no more.
func (a *Archive) Names() []string {
	var out []string
	for _, im := range a.images {
		out = append(out, im.names...)
	}
	sort.Strings(out)
	return slices.Compact(out)
}

// Select finds the image for name, a normalised reference: the only one in the archive, whatever its name, or the one of several with
// that name.
func (a *Archive) Select(name string) (Found, error) {
	if len(a.images) == 1 {
		return a.found(a.images[0])
	}
	tag := tagOf(name)
	for _, exact := range []bool{true, false} {
		var hits []image
		for _, im := range a.images {
			if slices.Contains(im.names, name) && exact || slices.Contains(im.names, tag) && !exact {
				hits = append(hits, im)
			}
		}
		if len(hits) == 1 {
			return a.found(hits[0])
		}
		if len(hits) > 1 && exact {
			return Found{}, fmt.Errorf("%s: there are %d images in it named %s, and none can be chosen. Give them names of their own, or save one image alone",
				a.Path, len(hits), name)
		}
	}
	if len(a.Names()) == 0 {
		return Found{}, fmt.Errorf("%s: there are %d images without names in it, and none can be chosen. Save one of them alone", a.Path, len(a.images))
	}
	return Found{}, fmt.Errorf("%s: there are %d images in it, and none is %s: it has %s. Give the block one of these as its name, or save one image alone",
		a.Path, len(a.images), name, strings.Join(a.Names(), ", "))
}

func tagOf(name string) string {
	_, tag, _ := strings.Cut(name[strings.LastIndexByte(name, '/')+1:], ":")
	return tag
}

func (a *Archive) found(im image) (Found, error) {
	f := Found{Digest: im.target.Digest.String(), Target: im.target, Platforms: map[string]int64{},
		blobs: map[string][]ocispec.Descriptor{}, children: map[digest.Digest][]ocispec.Descriptor{}}
	if len(im.names) > 0 {
		f.Name = im.names[0]
	}
	if err := a.gather(&f, im.target, 0); err != nil {
		return Found{}, err
	}
	if len(f.Platforms) == 0 && f.Missing != "" {
		return Found{}, fmt.Errorf("%s: it is not whole: the blob %s is missing. Save it again, with all layers", a.Path, f.Missing)
	}
	if len(f.Platforms) == 0 {
		return Found{}, fmt.Errorf("%s: it holds no image to run: %s has no platform", a.Path, f.Digest)
	}
	return f, nil
}

// Config gives the config of a platform's image; zero for a platform that isn't whole.
func (f Found) Config(platform string) ocispec.Descriptor {
	if blobs := f.blobs[platform]; len(blobs) > 1 {
		return blobs[1]
	}
	return ocispec.Descriptor{}
}

// gather walks down from desc and collects what each platform has.
func (a *Archive) gather(f *Found, desc ocispec.Descriptor, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: its indexes are nested more than %d deep, which no image's are", a.Path, maxDepth)
	}
	if _, here := a.blobs[desc.Digest]; !here && a.documents[desc.Digest] == nil {
		f.Missing = desc.Digest.String()
		return nil
	}
	children, again, err := a.childrenOf(f, desc)
	if err != nil {
		return err
	}
	if images.IsIndexType(desc.MediaType) {
		if again {
			return nil
		}
		f.trunk = append(f.trunk, desc)
		for _, c := range children {
			if !images.IsIndexType(c.MediaType) && !images.IsManifestType(c.MediaType) {
				if _, here := a.blobs[c.Digest]; here {
					f.addRest(c)
				} else {
					f.Missing = c.Digest.String()
				}
				continue
			}
			if err := a.gather(f, c, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	if !images.IsManifestType(desc.MediaType) {
		return fmt.Errorf("%s: %s in it is of type %q, which is no image", a.Path, desc.Digest, desc.MediaType)
	}
	return a.gatherManifest(f, desc, children, again)
}

// gatherManifest collects what a manifest names, again or for the first time.
func (a *Archive) gatherManifest(f *Found, desc ocispec.Descriptor, children []ocispec.Descriptor, again bool) error {
	if _, here := a.blobs[children[0].Digest]; !here {
		f.Missing = children[0].Digest.String()
		return nil
	}
	if again && desc.Platform == nil {
		return nil
	}
	platform, ok := a.platformOf(desc)
	_, known := f.Platforms[platform]
	if again && (!ok || known) {
		return nil
	}
	sum := desc.Size
	counted := map[digest.Digest]bool{}
	for _, c := range children {
		b, here := a.blobs[c.Digest]
		if !here {
			f.Missing = c.Digest.String()
			return nil
		}
		if b.size != c.Size {
			return fmt.Errorf("%s: it is corrupt: %s has %d bytes, and its manifest says %d. Save it again", a.Path, c.Digest, b.size, c.Size)
		}
		if !counted[c.Digest] {
			counted[c.Digest] = true
			sum += c.Size
		}
	}
	if !ok || known {
		f.addRest(append([]ocispec.Descriptor{desc}, children...)...)
		return nil
	}
	f.Platforms[platform] = sum
	f.blobs[platform] = append([]ocispec.Descriptor{desc}, children...)
	return nil
}

func (f *Found) addRest(ds ...ocispec.Descriptor) {
	for _, d := range ds {
		f.Rest += d.Size
	}
	f.rest = append(f.rest, ds...)
}

// childrenOf reads a document, once: an archive can name one many times over.
func (a *Archive) childrenOf(f *Found, desc ocispec.Descriptor) (children []ocispec.Descriptor, again bool, err error) {
	if children, again = f.children[desc.Digest]; again {
		return children, true, nil
	}
	size := int64(len(a.documents[desc.Digest]))
	switch b := a.blobs[desc.Digest]; {
	case size == 0 && b.size > maxDocument:
		return nil, false, fmt.Errorf("%s: %s in it is a manifest of %d bytes: more than %d are not read", a.Path, desc.Digest, b.size, maxDocument)
	case size == 0:
		return nil, false, fmt.Errorf("%s: it is corrupt: %s in it is no JSON, where a manifest should be. Save it again", a.Path, desc.Digest)
	case size != desc.Size:
		return nil, false, fmt.Errorf("%s: it is corrupt: %s has %d bytes, and what names it says %d. Save it again", a.Path, desc.Digest, size, desc.Size)
	}
	if children, err = images.Children(context.Background(), a, desc); err != nil {
		return nil, false, fmt.Errorf("%s: it is corrupt: %s in it: %w", a.Path, desc.Digest, err)
	}
	if len(children) > maxChildren {
		return nil, false, tooMany(a.Path, desc.Digest.String(), len(children), "entries")
	}
	f.children[desc.Digest] = children
	return children, false, nil
}

func tooMany(path, what string, n int, of string) error {
	return fmt.Errorf("%s: %s has %d %s: more than %d are not read", path, what, n, of, maxChildren)
}

// platformOf gives the normal form of a manifest's platform: what the index says of it, else what its config says.
func (a *Archive) platformOf(desc ocispec.Descriptor) (string, bool) {
	return spec.PlatformName(a.platform(desc))
}

// fullPlatform is its platform with the version and the features of its operating system.
func (a *Archive) fullPlatform(desc ocispec.Descriptor) (string, bool) {
	p := a.platform(desc)
	name, ok := spec.PlatformName(p)
	if !ok {
		return "", false
	}
	return fmt.Sprintln(name, p.OSVersion, p.OSFeatures), true
}

func (a *Archive) platform(desc ocispec.Descriptor) *ocispec.Platform {
	if desc.Platform != nil || !images.IsManifestType(desc.MediaType) {
		return desc.Platform
	}
	got, err := images.Platforms(context.Background(), a, desc)
	if err != nil || len(got) == 0 {
		return nil
	}
	return &got[0]
}

// ReaderAt makes an Archive a content.Provider of its documents.
func (a *Archive) ReaderAt(_ context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	b, ok := a.documents[desc.Digest]
	if !ok {
		return nil, fmt.Errorf("%s: %s is no document in it: %w", a.Path, desc.Digest, errdefs.ErrNotFound)
	}
	return document{bytes.NewReader(b)}, nil
}

type document struct{ *bytes.Reader }

func (document) Close() error { return nil }

// Contents gives the digests of all that an import of f brings or names.
func (a *Archive) Contents(f Found) []string {
	out := []string{f.Digest}
	for _, blobs := range f.blobs {
		for _, d := range blobs {
			out = append(out, d.Digest.String())
		}
	}
	for _, d := range f.rest {
		out = append(out, d.Digest.String())
	}
	for _, index := range f.trunk {
		for _, d := range f.children[index.Digest] {
			out = append(out, d.Digest.String())
		}
	}
	sort.Strings(out)
	return slices.Compact(out)
}

// Blobs calls put for each blob that the platforms of f need, and for all else that its indexes name, each once: layers and configs first, as they lie in the file, then
// manifests, then indexes, so that nothing is put before what it refers to.
func (a *Archive) Blobs(ctx context.Context, f Found, wanted []string, put func(ocispec.Descriptor, io.Reader) error) error {
	var manifests []ocispec.Descriptor
	need := map[digest.Digest]ocispec.Descriptor{}
	for _, p := range wanted {
		blobs, ok := f.blobs[p]
		if !ok {
			return fmt.Errorf("%s: it has no %s: it has %s", a.Path, p, strings.Join(slices.Sorted(maps.Keys(f.Platforms)), ", "))
		}
		manifests = append(manifests, blobs[0])
		for _, d := range blobs[1:] {
			need[d.Digest] = d
		}
	}
	for _, d := range f.rest {
		if images.IsManifestType(d.MediaType) {
			manifests = append(manifests, d)
		} else {
			need[d.Digest] = d
		}
	}
	for _, d := range need {
		if b := a.documents[d.Digest]; b != nil {
			manifests = append([]ocispec.Descriptor{d}, manifests...)
			delete(need, d.Digest)
		}
	}
	err := eachFile(ctx, a.Path, func(e entry, r io.Reader) error {
		for dig, d := range need {
			if e.link == "" && a.blobs[dig].name == e.name {
				delete(need, dig)
				return put(d, &checked{Reader: r, sum: dig.Algorithm().Hash(), want: dig, path: a.Path})
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errUnended) {
		return err
	}
	for dig := range need {
		return &changedError{a.Path, dig}
	}
	for _, d := range slices.Backward(f.trunk) {
		manifests = append(manifests, d)
	}
	for _, d := range manifests {
		if err := put(d, bytes.NewReader(a.documents[d.Digest])); err != nil {
			return err
		}
	}
	return nil
}

// checked is a blob on its way: it ends with an error where its bytes are not those that Open saw.
type checked struct {
	io.Reader
	sum  hash.Hash
	want digest.Digest
	path string
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && digest.NewDigest(c.want.Algorithm(), c.sum) != c.want {
		err = &changedError{c.path, c.want}
	}
	return n, err
}

// changedError is errdefs.ErrFailedPrecondition, as the content store calls it too.
type changedError struct {
	path string
	blob digest.Digest
}

func (e *changedError) Error() string {
	return fmt.Sprintf("%s: %s is no longer in it: the file changed while it was read. Try again", e.path, e.blob)
}
func (e *changedError) Unwrap() error { return errdefs.ErrFailedPrecondition }
