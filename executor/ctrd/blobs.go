package ctrd

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	leasesapi "github.com/containerd/containerd/api/services/leases/v1"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"

	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
)

// Labels by which containerd's garbage collection goes from blob to blob.
const (
	gcRoot       = "containerd.io/gc.root"
	gcRefContent = "containerd.io/gc.ref.content"
	gcExpire     = "containerd.io/gc.expire"
)

// blobs reads the content store as its garbage collection sees it. Leases of the stack's own dead applies keep nothing: an apply
// deletes them first.
func (r *Reader) blobs(ctx context.Context, stack string) (map[string]*planner.Blob, error) {
	stream, err := r.content.List(ctx, &contentapi.ListContentRequest{})
	if err != nil {
		return nil, err
	}
	out := map[string]*planner.Blob{}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		for _, i := range m.Info {
			b := &planner.Blob{Size: i.Size}
			for k, v := range i.Labels {
				if k == gcRoot {
					b.Root = true
				}
				if rest, ok := strings.CutPrefix(k, gcRefContent); ok && (rest == "" || rest[0] == '.' || rest[0] == '/') {
					b.Children = append(b.Children, v)
				}
			}
			out[i.Digest] = b
		}
	}
	return out, r.leased(ctx, stack, out)
}

func (r *Reader) leased(ctx context.Context, stack string, blobs map[string]*planner.Blob) error {
	all, err := r.leases.List(ctx, &leasesapi.ListRequest{})
	if err != nil {
		return err
	}
	for _, l := range all.Leases {
		if stack != "" && l.Labels[mark.LabelStack] == stack {
			continue
		}
		if at, err := time.Parse(time.RFC3339, l.Labels[gcExpire]); err == nil && at.Before(time.Now()) {
			continue
		}
		res, err := r.leases.ListResources(ctx, &leasesapi.ListResourcesRequest{ID: l.ID})
		if errdefs.IsNotFound(errgrpc.ToNative(err)) {
			continue // it ended since it was listed
		}
		if err != nil {
			return err
		}
		for _, x := range res.Resources {
			if b := blobs[x.ID]; b != nil && x.Type == "content" {
				b.Root = true
			}
		}
	}
	return nil
}
