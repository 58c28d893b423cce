// Package sources reads the files' side of a plan: what archives, build contexts, root filesystems, registries and servers hold that the
// files name. Of the host it knows image records, as data, and asks the rest through Host.
package sources

import (
	"context"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/executor/rootfs"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// Options are what Read must know beside the files.
type Options struct {
	Platform string                 // the host's own, normalised, as linux/amd64
	CacheDir string                 // where digests of unchanged files are remembered
	OwnFiles []spec.OwnFile         // what fairlead writes, which nothing may be built from
	Key      func() ([]byte, error) // of the keyed hashes of secrets; asked for where a build has a secret

	// Hashing is told how far the hashing of a large context is, in bytes. Several goroutines call it. nil: nobody is told.
	Hashing func(path string, done, total int64)
}

// Host answers what the content store of a host alone can tell.
type Host interface {
	// CompletePlatforms gives the platforms of an image whose content is all there, with its bytes.
	CompletePlatforms(ctx context.Context, digest string) (map[string]int64, error)
	// ImageConfig gives the config of an image's platform, as JSON; nil where it isn't there.
	ImageConfig(ctx context.Context, digest, platform string) []byte
	// RecordedInputs gives a list of inputs; nil where somebody took it away or damaged it.
	RecordedInputs(ctx context.Context, digest string) (planner.Inputs, error)
	// HasContent tells whether a blob is there.
	HasContent(ctx context.Context, digest string) (bool, error)
}

// noHost is a host that has nothing.
type noHost struct{}

func (noHost) CompletePlatforms(context.Context, string) (map[string]int64, error) { return nil, nil }
func (noHost) ImageConfig(context.Context, string, string) []byte                  { return nil }
func (noHost) RecordedInputs(context.Context, string) (planner.Inputs, error)      { return nil, nil }
func (noHost) HasContent(context.Context, string) (bool, error)                    { return false, nil }

// reader is one reading of what a stack's files name.
type reader struct {
	cfg    *spec.Config
	images map[string]*planner.LiveImage // records of the host, by name
	host   Host
	hosts  func() *registry.Hosts
	o      Options
}

// Read asks registries, servers, archives and directories for what neither the lock file nor the host knows. images are the host's records by
// name. What can't be read is told by the Source's Err.
func Read(ctx context.Context, cfg *spec.Config, images map[string]*planner.LiveImage, host Host, o Options) (*planner.Sources, error) {
	r := &reader{cfg: cfg, images: images, host: host, o: o, hosts: sync.OnceValue(func() *registry.Hosts { return registry.NewHosts(cfg.Registries) })}
	out := &planner.Sources{Images: map[string]*planner.Source{}}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(8)
	asked := map[string]bool{}
	for _, im := range spec.Of[*spec.Image](cfg) {
		key, read := planner.SourceKey(im), r.readerOf(im)
		if read == nil || asked[key] {
			continue
		}
		asked[key] = true
		g.Go(func() error {
			src := read(ctx, im)
			mu.Lock()
			defer mu.Unlock()
			if src != nil {
				out.Images[key] = src
			}
			return nil
		})
	}
	_ = g.Wait() // each error is in its Source
	return out, ctx.Err()
}

// readerOf says how an image block's source is read; nil: nobody has to be asked.
func (r *reader) readerOf(im *spec.Image) func(context.Context, *spec.Image) *planner.Source {
	switch {
	case im.Build != nil:
		return r.build
	case im.Rootfs != nil:
		return r.rootfs
	case im.Load != "":
		return r.archive
	}
	_, pinned := r.cfg.Lock[im.Pull]
	known := r.images[im.Name] != nil && (im.Name == im.Pull || strings.Contains(im.Pull, "@"))
	if im.Pull == "" || pinned || known {
		return nil
	}
	return r.reference
}

func failed(err error) *planner.Source { return &planner.Source{Err: err.Error()} }

// reference asks a registry what an image that is pulled is.
func (r *reader) reference(ctx context.Context, im *spec.Image) *planner.Source {
	got, err := registry.Resolve(ctx, r.hosts(), im.Pull)
	if err != nil {
		return failed(err)
	}
	return &planner.Source{Digest: got.Digest, Platforms: got.Platforms, Contents: got.Contents}
}

// rootfs reads what an image from a root filesystem depends on.
func (r *reader) rootfs(ctx context.Context, im *spec.Image) *planner.Source {
	in, err := rootfs.Inputs(ctx, im.Rootfs, rootfs.Options{CacheDir: r.o.CacheDir, Platform: r.o.Platform, Own: r.o.OwnFiles})
	if err != nil {
		return failed(err)
	}
	src := &planner.Source{Inputs: in}
	if err := r.recordedInputs(ctx, im, src); err != nil {
		return failed(err)
	}
	return src
}
