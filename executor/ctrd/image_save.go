package ctrd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/executor/image"
	"github.com/fairlead-dev/fairlead/executor/manifest"
	"github.com/fairlead-dev/fairlead/executor/registry"
)

// SaveOptions say what of images goes into an archive.
type SaveOptions struct {
	Platforms []string // normalised; nil: all that are whole here
	OCI       bool     // an OCI archive alone, without the manifest.json that older dockers read
}

// Saved is an image that is about to be saved.
type Saved struct {
	Name      string
	Digest    string
	Platforms []string // that are saved
	Missing   []string // that the image has too, and that are not whole here
}

// Archive is what a save writes: images that were found whole.
type Archive struct {
	Images []Saved

	reader  *Reader
	options []archive.ExportOpt
}

// Archive finds the images of these records, and checks that what is asked of them is here.
func (r *Reader) Archive(ctx context.Context, names []string, o SaveOptions) (*Archive, error) {
	a := &Archive{reader: r}
	var records []images.Image
	for _, name := range names {
		got, err := within(r.in(ctx), callTimeout, func(ctx context.Context) (*imagesapi.GetImageResponse, error) {
			return r.images.Get(ctx, &imagesapi.GetImageRequest{Name: name})
		})
		if err = errgrpc.ToNative(err); err != nil {
			return nil, r.gone("reading "+name, image.RecordError(name, err))
		}
		rec := record(got.Image)
		saved, err := r.savable(r.in(ctx), rec, o.Platforms)
		if err != nil {
			return nil, r.gone("reading "+name, image.RecordError(name, err))
		}
		records = append(records, rec)
		a.Images = append(a.Images, saved)
	}
	a.options = []archive.ExportOpt{archive.WithImages(records), archive.WithSkipMissing(blobs{r.manifests()})}
	if o.OCI {
		a.options = append(a.options, archive.WithSkipDockerManifest())
	}
	return a, a.choose(records, o)
}

// savable tells what of an image is to be saved.
func (r *Reader) savable(ctx context.Context, rec images.Image, wanted []string) (Saved, error) {
	s := Saved{Name: rec.Name, Digest: rec.Target.Digest.String(), Platforms: wanted}
	view := r.manifests()
	manifests, err := manifest.List(ctx, view, rec.Target)
	if errdefs.IsNotFound(err) {
		return s, errors.New("its content is not here. Pull or load it again")
	}
	if err != nil {
		return s, err
	}
	whole, err := manifest.Complete(ctx, view, rec.Target)
	if err != nil {
		return s, err
	}
	if wanted == nil {
		s.Platforms = slices.Sorted(maps.Keys(whole))
	}
	has := map[string]int64{}
	for _, p := range slices.Sorted(maps.Keys(manifests)) {
		has[p] = whole[p]
		if _, here := whole[p]; !here {
			s.Missing = append(s.Missing, p)
		}
	}
	for _, p := range s.Platforms {
		if _, named := has[p]; !named {
			return s, registry.NoPlatform("it cannot be saved", p, has)
		}
		if slices.Contains(s.Missing, p) {
			return s, fmt.Errorf("%s of it is not here, and cannot be saved. Pull it first: fairlead pull --platform %s %s", p, p, rec.Name)
		}
	}
	if len(s.Platforms) == 0 {
		return s, fmt.Errorf("none of its platforms (%s) is here as a whole. Pull or load it again", strings.Join(s.Missing, ", "))
	}
	return s, nil
}

// choose says which platforms of indexes are written, and which of them manifest.json names: it knows one for each image, the host's
// own if it is there.
func (a *Archive) choose(records []images.Image, o SaveOptions) error {
	var common []string
	first := true
	for i, rec := range records {
		if !images.IsIndexType(rec.Target.MediaType) {
			continue
		}
		if first {
			common, first = slices.Clone(a.Images[i].Platforms), false
		}
		common = slices.DeleteFunc(common, func(p string) bool { return !slices.Contains(a.Images[i].Platforms, p) })
	}
	if len(common) == 0 {
		if first || o.OCI {
			return nil
		}
		return errors.New("save: the images have no platform in common here, which older dockers want of one archive. Save them one by one, or with --format oci")
	}
	if i := slices.Index(common, a.reader.platform); i > 0 {
		common = slices.Insert(slices.Delete(common, i, i+1), 0, a.reader.platform)
	}
	var specs []ocispec.Platform
	for _, text := range common {
		p, err := platforms.Parse(text)
		if err != nil {
			return fmt.Errorf("platform %q: %w", text, err)
		}
		specs = append(specs, p)
	}
	a.options = append(a.options, archive.WithPlatform(platforms.Ordered(specs...)))
	if o.Platforms == nil {
		a.options = append(a.options, archive.WithAllPlatforms()) // as far as they are here
	}
	return nil
}

// Write writes the archive as a tar. Each blob is checked against its digest.
func (a *Archive) Write(ctx context.Context, to io.Writer) error {
	return a.reader.gone("saving", archive.Export(a.reader.in(ctx), blobs{a.reader.manifests()}, to, a.options...))
}

// blobs shows a Reader's content as an export wants to see it: documents whole, everything else piece by piece.
type blobs struct{ manifests }

// ReaderAt reads a blob.
func (b blobs) ReaderAt(ctx context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	if images.IsIndexType(desc.MediaType) || images.IsManifestType(desc.MediaType) {
		return b.manifests.ReaderAt(ctx, desc)
	}
	info, err := b.Info(ctx, desc.Digest)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	return &stream{ctx: ctx, cancel: cancel, content: b.r.content, digest: desc.Digest.String(), size: info.Size}, nil
}

// stream is a blob that is read as it comes.
type stream struct {
	ctx     context.Context // of the calls; Close ends them
	cancel  context.CancelFunc
	content contentReads
	digest  string
	size    int64
}

// Size is the blob's, in bytes.
func (s *stream) Size() int64 { return s.size }

// Close ends what is under way.
func (s *stream) Close() error {
	s.cancel()
	return nil
}

// Reader reads all of it, in one call.
func (s *stream) Reader() io.Reader { return &inflow{stream: s} }

// ReadAt reads a part of it.
func (s *stream) ReadAt(p []byte, at int64) (int, error) {
	n, err := io.ReadFull(&inflow{stream: s, at: at}, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// inflow is one call that reads a blob from a place to its end.
type inflow struct {
	*stream
	at   int64
	call contentapi.Content_ReadClient
	rest []byte
}

// Read gives what has come.
func (r *inflow) Read(p []byte) (n int, err error) {
	if r.call == nil {
		r.call, err = r.content.Read(r.ctx, &contentapi.ReadContentRequest{Digest: r.digest, Offset: r.at})
		if err != nil {
			return 0, errgrpc.ToNative(err)
		}
	}
	for len(r.rest) == 0 {
		m, err := r.call.Recv()
		if errors.Is(err, io.EOF) {
			return 0, io.EOF
		}
		if err != nil {
			return 0, errgrpc.ToNative(err)
		}
		r.rest = m.Data
	}
	n = copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
