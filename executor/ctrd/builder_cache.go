package ctrd

import (
	"context"

	"github.com/fairlead-dev/fairlead/executor/buildkit"
)

// CacheUsage tells what the builder's cache holds. A builder of our own that never was is not started for that.
func (w *Writer) CacheUsage(ctx context.Context) (buildkit.Usage, error) {
	kit, err := w.kit(ctx, "")
	if err != nil {
		return buildkit.Usage{}, w.gone("asking for the builder's cache", err)
	}
	return kit.Usage(ctx)
}

// PruneCache empties the builder's cache of what builds can make again, or, with all, of all; and gives the bytes that went.
func (w *Writer) PruneCache(ctx context.Context, all bool) (int64, error) {
	kit, err := w.kit(ctx, "")
	if err != nil {
		return 0, w.gone("freeing the builder's cache", err)
	}
	return kit.Prune(ctx, all)
}
