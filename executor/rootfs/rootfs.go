package rootfs

import (
	"cmp"
	"context"
	"net/http"
	"os"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// Options are what a root filesystem's own description doesn't say.
type Options struct {
	CacheDir string         // where digests of unchanged files are remembered; "": nowhere
	Platform string         // the host's own, for a Rootfs that names none
	HTTP     *http.Client   // nil: one that gives up on a server that doesn't answer
	Own      []spec.OwnFile // what no directory may have in it
}

// packed is what a layer's bytes mean.
type packed struct {
	mediaType string
	diffID    digest.Digest // of the tar, not compressed
}

// source is where a root filesystem comes from.
type source interface {
	// inputs tell of its content.
	inputs(ctx context.Context) (planner.Inputs, error)
	// layer writes it to w as a layer.
	layer(ctx context.Context, w *sink, moved func(done, total int64)) (packed, error)
}

// Inputs says what the image of r depends on: its content, its config and its platform. Files that didn't change since the last
// call aren't read again; of a URL only the headers are asked for.
func Inputs(ctx context.Context, r *spec.Rootfs, o Options) (planner.Inputs, error) {
	from, err := openSource(r.Path, o)
	if err != nil {
		return nil, err
	}
	in, err := from.inputs(ctx)
	if err != nil {
		return nil, err
	}
	in = append(in, configInputs(r.Config)...)
	in = append(in, planner.Input{Kind: planner.InputPlatform, Name: platformOf(r, o), Value: "yes"})
	return in.Sorted(), nil
}

// Import writes the layer, the config and the manifest of r's image into store, and gives the manifest. Equal content makes equal
// digests. The context's lease must keep what is written until an image record names it. Moved, which may be nil, is told the
// bytes of the source that are read, of how many; 0 where nobody knows.
//
// What was imported is what the inputs say only if they are the same before and after.
func Import(ctx context.Context, store content.Store, r *spec.Rootfs, o Options, moved func(done, total int64)) (ocispec.Descriptor, error) {
	if moved == nil {
		moved = func(int64, int64) {}
	}
	from, err := openSource(r.Path, o)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	var p packed
	layer, err := writeBlob(ctx, store, func(w *sink) error {
		p, err = from.layer(ctx, w, moved)
		return err
	})
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	layer.MediaType = p.mediaType
	return writeImage(ctx, store, r, platformOf(r, o), layer, p.diffID)
}

func openSource(path string, o Options) (source, error) {
	if isURL(path) {
		return newDownload(path, o.HTTP)
	}
	info, err := stat(path)
	if err != nil {
		return nil, err
	}
	cache := openCache(o.CacheDir, path)
	if info.IsDir() {
		return newTree(path, cache, o.Own)
	}
	return tarFile{path, cache}, nil
}

func stat(path string) (os.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return nil, notTar(path)
	}
	return info, nil
}

func platformOf(r *spec.Rootfs, o Options) string { return cmp.Or(r.Platform, o.Platform) }
