package ctrd

import (
	"context"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// sharesOf reads what an image gives containers, by platform; nil where its manifests can't be read, which others say.
func sharesOf(ctx context.Context, view content.Provider, target ocispec.Descriptor) map[string]planner.ImageConfig {
	manifests, err := manifestsOf(ctx, view, target)
	if err != nil {
		return nil
	}
	out := make(map[string]planner.ImageConfig, len(manifests))
	for p, desc := range manifests {
		cfg, err := configOf(ctx, view, desc)
		if isNotFound(err) {
			continue // a platform whose content isn't here
		}
		var share imageConfig
		if err == nil {
			share, err = imageShare(cfg.Config)
		}
		if err != nil {
			out[p] = planner.ImageConfig{Unfit: err.Error()}
			continue
		}
		out[p] = planner.ImageConfig{Defaults: share.container()}
	}
	return out
}

// readShares reads the configs of wanted images that no container of the host was created from yet: what one was created from can be run.
func (r *Reader) readShares(ctx context.Context, cfg *spec.Config, s *planner.State, records map[string]images.Image, all []*containersapi.Container) error {
	used := map[string]bool{}
	for _, c := range all {
		used[c.Labels[labelDigest]] = true
	}
	wanted := map[spec.Addr]bool{}
	for _, c := range cfg.Containers {
		wanted[c.Image.Addr] = true
	}
	var g errgroup.Group
	g.SetLimit(8)
	for _, im := range cfg.Images {
		rec := s.Images[im.Name]
		if rec == nil || !wanted[im.Addr] || used[rec.Digest] {
			continue
		}
		g.Go(func() error {
			rec.Configs = sharesOf(ctx, r.documents(), records[im.Name].Target)
			return ctx.Err()
		})
	}
	return g.Wait()
}
