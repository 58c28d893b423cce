package ctrd

import (
	"context"
	"maps"
	"slices"
	"sync"

	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/fairlead-dev/fairlead/executor/manifest"
	"github.com/fairlead-dev/fairlead/planner"
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
		out[name] = imageOf(i)
	}
	return out
}

// asks tells whether an image's content is looked at, for which platforms it is whole: where no label says so, and where nothing but making it
// anew brings back what is lost.
func asks(l *planner.LiveImage) bool { return l != nil && (l.Platforms == nil || l.Inputs != "") }

// readPlatforms finds out for wanted records which platforms' content is whole.
func (r *Reader) readPlatforms(ctx context.Context, s *planner.State, records map[string]images.Image, names []string) error {
	ask := map[string]ocispec.Descriptor{} // by digest: several names may be of one image
	for _, n := range names {
		if l := s.Images[n]; asks(l) {
			ask[l.Digest] = records[n].Target
		}
	}
	var mu sync.Mutex
	sizes := map[string]map[string]int64{}
	var g errgroup.Group
	g.SetLimit(8)
	for _, target := range ask {
		g.Go(func() error {
			got, err := manifest.Complete(ctx, r.documents(), target)
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
		if l := s.Images[n]; asks(l) {
			l.Sizes = sizes[l.Digest]
			l.Platforms = append([]string{}, slices.Sorted(maps.Keys(l.Sizes))...)
		}
	}
	return nil
}

// readNeeds reads what the images of a stack were built from: an image that stays keeps the images of the stack that it starts from.
func (r *Reader) readNeeds(ctx context.Context, stack string, s *planner.State) error {
	for _, rec := range s.Images {
		if rec.Owner == nil || rec.Owner.Stack != stack || rec.Inputs == "" {
			continue
		}
		was, err := r.inputs(ctx, rec.Inputs)
		if errdefs.IsUnavailable(err) || ctx.Err() != nil {
			return err
		}
		rec.LastInputs = was // nil where somebody took it away or damaged it: then nothing is kept for it
	}
	return nil
}
