package ctrd

import (
	"context"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/images"
	"golang.org/x/sync/errgroup"

	"github.com/fairlead-dev/fairlead/executor/archive"
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
			ask(im, func() *planner.Source { return probe(ctx, im, rec) })
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

// probe reads an archive, unless the record came from the file as it is now.
func probe(ctx context.Context, im *spec.Image, rec *planner.LiveImage) *planner.Source {
	print, err := archive.Fingerprint(im.Load)
	if err != nil {
		return &planner.Source{Err: err.Error()}
	}
	if rec != nil && rec.Owner != nil && rec.Source == print {
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
	src.Digest, src.Platforms, src.Contents = found.Digest, found.Platforms, map[string][]string{"": a.Contents(found)}
	src.Shares = sharesOf(ctx, a, found.Target)
	return src
}
