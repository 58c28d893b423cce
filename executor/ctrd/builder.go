package ctrd

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"

	"github.com/fairlead-dev/fairlead/executor/buildkit"
	"github.com/fairlead-dev/fairlead/executor/image"
)

// sessionBuilder is the one BuildKit of a session.
type sessionBuilder struct {
	mu      sync.Mutex
	builder *buildkit.Builder
	err     error // of its end
}

// builder gives the session's builder. Nothing is started or connected to before the first build.
func (w *Writer) builder(ctx context.Context, stack string) (*buildkit.Builder, error) {
	w.building.mu.Lock()
	defer w.building.mu.Unlock()
	if w.building.builder == nil {
		snapshotter, err := w.defaultSnapshotter(ctx)
		if err != nil {
			return nil, err
		}
		w.building.builder = buildkit.New(buildkit.Options{
			Host: w.opts.Builder, Client: w.client, Address: w.opts.Address, Namespace: w.opts.Namespace, Snapshotter: snapshotter,
			DataRoot: w.paths.Root, KeepBytes: w.opts.CacheBytes, Registries: w.opts.Registries, Stack: stack,
			Removed: func(id string) { w.removed.Store(id, true) },
		})
	}
	return w.building.builder, nil
}

// EndBuilder ends the session's builder, if it is our own and was started: there is nothing more to build. An error of that is
// told when the session ends, which waits for it.
func (w *Writer) EndBuilder(ctx context.Context) {
	w.building.mu.Lock()
	go func() {
		defer w.building.mu.Unlock()
		if builder := w.building.builder; builder != nil {
			w.building.builder = nil
			w.building.err = errors.Join(w.building.err, builder.Close(ctx))
		}
	}()
}

// endBuilder does that and waits for it.
func (w *Writer) endBuilder(ctx context.Context) error {
	w.EndBuilder(ctx)
	w.building.mu.Lock()
	defer w.building.mu.Unlock()
	return w.building.err
}

// buildingPrefix is the beginning of the names under which a builder exports. Such a record lives until the image's own points at the
// result; a killed apply's are deleted by the next.
const buildingPrefix = "fairlead.building/"

// sweepBuilder clears what a killed apply's builder left, whether this one builds or not: containers and mounts first, and then the
// records under which it exported, of which there are no new ones by then.
func (w *Writer) sweepBuilder(ctx context.Context, stack string) error {
	builder, err := w.builder(ctx, stack)
	if err != nil {
		return err
	}
	if err := builder.Sweep(ctx); err != nil {
		return err
	}
	return w.sweepBuilding(ctx, stack)
}

// sweepBuilding deletes the records under which a killed apply's builder exported.
func (w *Writer) sweepBuilding(ctx context.Context, stack string) error {
	left, err := w.client.ImageService().List(ctx, fmt.Sprintf("name~=%q", "^"+buildingPrefix+stack+":"))
	if err != nil {
		return err
	}
	for _, rec := range left {
		if err := w.client.ImageService().Delete(ctx, rec.Name, images.SynchronousDelete()); err != nil && !errdefs.IsNotFound(err) {
			return image.RecordError(rec.Name, err)
		}
	}
	return nil
}

// CacheUsage tells what the builder's cache holds. A builder of our own that never was is not started for that.
func (w *Writer) CacheUsage(ctx context.Context) (buildkit.Usage, error) {
	builder, err := w.builder(ctx, "")
	if err != nil {
		return buildkit.Usage{}, w.gone("asking for the builder's cache", err)
	}
	return builder.Usage(ctx)
}

// PruneCache empties the builder's cache of what builds can make again, or, with all, of all; and gives the bytes that went.
func (w *Writer) PruneCache(ctx context.Context, all bool) (int64, error) {
	builder, err := w.builder(ctx, "")
	if err != nil {
		return 0, w.gone("freeing the builder's cache", err)
	}
	return builder.Prune(ctx, all)
}
