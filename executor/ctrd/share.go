package ctrd

import (
	"context"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	"github.com/containerd/containerd/v2/core/images"
	"golang.org/x/sync/errgroup"

	"github.com/fairlead-dev/fairlead/executor/manifest"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// readShares reads the configs of wanted images that no container of the host was created from yet: what one was created from can be run.
func (r *Reader) readShares(ctx context.Context, cfg *spec.Config, s *planner.State, records map[string]images.Image, all []*containersapi.Container) error {
	used := map[string]bool{}
	for _, c := range all {
		used[c.Labels[mark.LabelDigest]] = true
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
			rec.Configs = manifest.ContainerDefaults(ctx, r.documents(), records[im.Name].Target)
			return ctx.Err()
		})
	}
	return g.Wait()
}
