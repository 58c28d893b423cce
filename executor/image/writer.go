package image

import (
	"context"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// openWriter opens a blob for writing, and waits for whoever else writes it. content.OpenWriter does that too, but takes a daemon
// that went away for one that is busy, and waits for ever: both are Unavailable. Only the daemon can tell the two apart.
func openWriter(ctx context.Context, store content.Store, ref string, desc ocispec.Descriptor) (content.Writer, error) {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		cw, err := store.Writer(ctx, content.WithRef(ref), content.WithDescriptor(desc))
		if !errdefs.IsUnavailable(err) {
			return cw, err
		}
		if _, alive := store.Status(ctx, ref); errdefs.IsUnavailable(alive) {
			return nil, alive
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
	}
}

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
