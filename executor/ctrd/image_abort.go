package ctrd

import (
	"context"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
)

// abort drops what was begun of a blob. The daemon may be a moment behind in closing it, and then fails to; it is asked again.
func abort(ctx context.Context, store content.Store, ref string) error {
	ctx = context.WithoutCancel(ctx)
	pause := 10 * time.Millisecond
	for try := 1; ; try++ {
		err := store.Abort(ctx, ref)
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		if try == 7 {
			return err
		}
		time.Sleep(pause)
		pause *= 2
	}
}
