package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/containerd/containerd/v2/core/remotes"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// silenceTimeout is how long a transfer may stand still before it counts as broken off.
const silenceTimeout = time.Minute

// Body is content on its way. It can be sought in, which asks the registry for the rest from there; it ends with an error where
// nothing comes for a minute.
type Body struct {
	Err error // the first error of reading, io.EOF aside

	rc     io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	at     int64
	moved  func(at int64)
}

// Fetch opens content; moved, which may be nil, is told the position after each read.
func Fetch(ctx context.Context, f remotes.Fetcher, desc ocispec.Descriptor, moved func(at int64)) (*Body, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	rc, err := f.Fetch(ctx, desc)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	b := &Body{rc: rc, ctx: ctx, cancel: cancel, moved: moved}
	b.timer = time.AfterFunc(silenceTimeout, func() { cancel(errStalled) })
	return b, nil
}

// Read reads on.
func (b *Body) Read(p []byte) (int, error) {
	b.timer.Reset(silenceTimeout)
	n, err := b.rc.Read(p)
	b.timer.Stop() // a slow disk on this side is no fault of the registry's
	if n > 0 {
		b.at += int64(n)
		if b.moved != nil {
			b.moved(b.at)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		if errors.Is(context.Cause(b.ctx), errStalled) {
			err = errStalled
		}
		if b.Err == nil {
			b.Err = err
		}
	}
	return n, err
}

// Seek goes to an offset.
func (b *Body) Seek(offset int64, whence int) (int64, error) {
	s, ok := b.rc.(io.Seeker)
	if !ok {
		return 0, fmt.Errorf("this transfer cannot be taken up again")
	}
	at, err := s.Seek(offset, whence)
	b.at = at
	return at, err
}

// Close ends the transfer.
func (b *Body) Close() error {
	b.timer.Stop()
	defer b.cancel(nil)
	return b.rc.Close()
}
