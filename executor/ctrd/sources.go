package ctrd

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/fairlead-dev/fairlead/executor/archive"
	"github.com/fairlead-dev/fairlead/executor/manifest"
	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// sources asks registries and archives for what neither the lock file nor the host knows.
func (r *Reader) sources(ctx context.Context, cfg *spec.Config, s *planner.State, records map[string]images.Image) map[string]*planner.Source {
	out := map[string]*planner.Source{}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(8)
	hosts := sync.OnceValue(func() *registry.Hosts { return registry.NewHosts(cfg.Registries) })
	asked := map[string]bool{}
	ask := func(im *spec.Image, read func() *planner.Source) {
		key := planner.SourceKey(im)
		if asked[key] {
			return
		}
		asked[key] = true
		g.Go(func() error {
			src := read()
			mu.Lock()
			defer mu.Unlock()
			if src != nil {
				out[key] = src
			}
			return nil
		})
	}
	for _, im := range cfg.Images {
		rec := s.Images[im.Name]
		switch {
		case im.Pull != "":
			_, pinned := cfg.Lock[im.Pull]
			if told := rec != nil && (im.Name == im.Pull || strings.Contains(im.Pull, "@")); !pinned && !told {
				ask(im, func() *planner.Source { return resolve(ctx, hosts(), im.Pull) })
			}
		case im.Build != nil:
			ask(im, func() *planner.Source { return r.buildSource(ctx, im, cfg, s, records, hosts) })
		case im.Rootfs != nil:
			ask(im, func() *planner.Source { return r.importSource(ctx, im) })
		case im.Load != "":
			ask(im, func() *planner.Source { return r.probe(ctx, im, rec) })
		}
	}
	_ = g.Wait()
	return out
}

func resolve(ctx context.Context, hosts *registry.Hosts, ref string) *planner.Source {
	got, err := registry.Resolve(ctx, hosts, ref)
	if err != nil {
		return &planner.Source{Err: err.Error()}
	}
	return &planner.Source{Digest: got.Digest, Platforms: got.Platforms, Contents: got.Contents}
}

// probe reads an archive, unless what the record names is known to be of the file as it is now.
func (r *Reader) probe(ctx context.Context, im *spec.Image, rec *planner.LiveImage) *planner.Source {
	print, err := archive.Fingerprint(im.Load)
	if err != nil {
		return &planner.Source{Err: err.Error()}
	}
	if isOf(rec, im, print, r.opts.cacheDir()) {
		return nil
	}
	a, err := archive.OpenContext(ctx, im.Load)
	if err != nil {
		return &planner.Source{Err: err.Error()}
	}
	src := &planner.Source{Fingerprint: print, Names: a.Names()}
	found, err := a.Select(im.Name)
	if err != nil {
		src.Err = err.Error()
		return src
	}
	archiveMemo(r.opts.cacheDir(), im).remember(a.Fingerprint, found.Digest)
	src.Digest, src.Platforms, src.Contents = found.Digest, found.Platforms, map[string][]string{"": a.Contents(found)}
	src.Configs = manifest.ContainerDefaults(ctx, a, found.Target)
	if found.Missing != "" {
		if _, err := r.documents().Info(ctx, digest.Digest(found.Missing)); errdefs.IsNotFound(err) {
			src.Missing = found.Missing
		}
	}
	return src
}

// isOf tells whether what a record names is known to be of an archive, whose fingerprint is print now: the record says that it was loaded from
// it, or the archive was read since and has the same.
func isOf(rec *planner.LiveImage, im *spec.Image, print, cacheDir string) bool {
	if rec == nil || rec.Owner == nil {
		return false
	}
	return rec.Source == print || archiveMemo(cacheDir, im).says(print, rec.Digest)
}

// memo is a file that has the fingerprint of an archive when it was last read, and the digest of one image in it. What is lost is read again.
type memo string

func archiveMemo(cacheDir string, im *spec.Image) memo {
	return memo(filepath.Join(cacheDir, "archive-"+digest.FromString(im.Load+"\x00"+im.Name).Encoded()))
}

func (m memo) says(print, dgst string) bool {
	text, err := os.ReadFile(string(m))
	return err == nil && string(text) == print+" "+dgst+"\n"
}

func (m memo) remember(print, dgst string) {
	if m.says(print, dgst) || os.MkdirAll(filepath.Dir(string(m)), 0o700) != nil {
		return
	}
	_ = spec.ReplaceFile(string(m), 0o600, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s %s\n", print, dgst)
		return err
	})
}
