// Package stream reads what may be too large for memory: a reading ends with its context, is unpacked by what it begins with, and its errors are
// known from those of whoever it is read for.
package stream

import (
	"context"
	"errors"
	"io"
)

// Reader is a stream that ends with its context, and whose errors are ReadErrors. It tells how far it is.
type Reader struct {
	io.Reader
	Moved func(done int64) // nil: nobody is told
	Done  int64            // bytes that were read
	Ended bool             // it came to its end

	ctx context.Context
}

// NewReader reads r until ctx ends.
func NewReader(ctx context.Context, r io.Reader) *Reader { return &Reader{Reader: r, ctx: ctx} }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.Reader.Read(p)
	if r.Done += int64(n); n > 0 && r.Moved != nil {
		r.Moved(r.Done)
	}
	if errors.Is(err, io.EOF) {
		r.Ended = true
		return n, err
	}
	return n, MarkRead(err)
}
