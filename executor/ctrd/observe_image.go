package ctrd

import (
	"context"
	"maps"
	"slices"
	"sync"

	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/oci"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/fairlead-dev/fairlead/executor/image"
	"github.com/fairlead-dev/fairlead/executor/manifest"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// record is an image record as the image functions know it.
func record(i *imagesapi.Image) images.Image {
	out := images.Image{Name: i.Name, Labels: i.Labels, CreatedAt: i.CreatedAt.AsTime(), UpdatedAt: i.UpdatedAt.AsTime()}
	if i.Target != nil {
		out.Target = oci.DescriptorFromProto(i.Target)
	}
	return out
}

func liveImages(records map[string]images.Image) map[string]*planner.LiveImage {
	out := make(map[string]*planner.LiveImage, len(records))
	for name, i := range records {
		out[name] = image.Live(i)
	}
	return out
}

// needsPlatforms tells whether an image's content is looked at, for which platforms it is whole: where no label says so, and where nothing but making it
// anew brings back what is lost.
func needsPlatforms(l *planner.LiveImage) bool {
	return l != nil && (l.Platforms == nil || l.Inputs != "")
}

// readPlatforms finds out for wanted records which platforms' content is whole.
func (r *Reader) readPlatforms(ctx context.Context, s *planner.State, records map[string]images.Image, names []string) error {
	ask := map[string]ocispec.Descriptor{} // by digest: several names may be of one image
	for _, n := range names {
		if l := s.Images[n]; needsPlatforms(l) {
			ask[l.Digest] = records[n].Target
		}
	}
	var mu sync.Mutex
	sizes := map[string]map[string]int64{}
	var g errgroup.Group
	g.SetLimit(8)
	for _, target := range ask {
		g.Go(func() error {
			got, err := manifest.Complete(ctx, r.manifests(), target)
			mu.Lock()
			defer mu.Unlock()
			sizes[target.Digest.String()] = got
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, n := range names {
		if l := s.Images[n]; needsPlatforms(l) {
			l.Sizes = sizes[l.Digest]
			l.Platforms = append([]string{}, slices.Sorted(maps.Keys(l.Sizes))...)
		}
	}
	return nil
}

// readImageConfigs reads the configs of wanted images that no container of the host was created from yet: what one was created from can be run.
func (r *Reader) readImageConfigs(ctx context.Context, cfg *spec.Config, s *planner.State, records map[string]images.Image, all []*containers.Container) error {
	used := map[string]bool{}
	for _, c := range all {
		used[c.Labels[mark.LabelDigest]] = true
	}
	wanted := map[spec.Addr]bool{}
	for _, c := range spec.Of[*spec.Container](cfg) {
		wanted[c.Image.Addr] = true
	}
	var g errgroup.Group
	g.SetLimit(8)
	for _, im := range spec.Of[*spec.Image](cfg) {
		rec := s.Images[im.Name]
		if rec == nil || !wanted[im.Addr] || used[rec.Digest] {
			continue
		}
		g.Go(func() error {
			rec.Configs = manifest.ContainerDefaults(ctx, r.manifests(), records[im.Name].Target)
			return ctx.Err()
		})
	}
	return g.Wait()
}
