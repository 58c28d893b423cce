package buildkit

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/moby/buildkit/client"
)

// Usage is what a builder's cache holds, in bytes.
type Usage struct {
	Total    int64
	Freeable int64 // of it, what no build uses now and no image shares
}

// Usage asks the builder what its cache holds. Where there is none, and never was one of fairlead's own, it holds nothing.
func (b *Builder) Usage(ctx context.Context) (Usage, error) {
	c, err := b.cacheConn(ctx)
	if c == nil || err != nil {
		return Usage{}, err
	}
	records, err := c.client.DiskUsage(ctx)
	if err != nil {
		return Usage{}, fmt.Errorf("builder %s: its cache: %w", c.host, err)
	}
	var u Usage
	for _, r := range records {
		u.Total += r.Size
		if !r.InUse && !r.Shared {
			u.Freeable += r.Size
		}
	}
	return u, nil
}

// Prune empties the builder's cache: all of it, or what no later build is likely to use; and gives the bytes that went.
func (b *Builder) Prune(ctx context.Context, all bool) (int64, error) {
	c, err := b.cacheConn(ctx)
	if c == nil || err != nil {
		return 0, err
	}
	gone := make(chan client.UsageInfo)
	var bytes int64
	var counting sync.WaitGroup
	counting.Go(func() {
		for r := range gone {
			bytes += r.Size
		}
	})
	var opts []client.PruneOption
	if all {
		opts = append(opts, client.PruneAll)
	}
	err = c.client.Prune(ctx, gone, opts...)
	close(gone)
	counting.Wait()
	if err != nil {
		return bytes, fmt.Errorf("builder %s: its cache: %w", c.host, err)
	}
	return bytes, nil
}

// cacheConn connects to the builder, unless that would start one that never was.
func (b *Builder) cacheConn(ctx context.Context) (*conn, error) {
	if _, err := os.Stat(b.root()); err != nil && (b.o.Host == "" || b.o.Host == Own) {
		c, err := b.find(ctx)
		if c != nil {
			_ = c.client.Close()
		}
		if c == nil || err != nil {
			return nil, err
		}
	}
	return b.connect(ctx, func(string) {})
}
