package image

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/semaphore"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/manifest"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// Push copies all that a record's target names to a registry, and notes that on the record if it is a stack's.
func (s *Store) Push(ctx context.Context, op *planner.PushImage, report func(executor.Progress)) error {
	rec, err := s.planned(ctx, op.Name, op.Digest, "was to be pushed to "+op.To)
	if err != nil {
		return err
	}
	store := s.Client.ContentStore()
	total, err := s.checkComplete(ctx, op, store, rec.Target)
	if _, ok := errors.AsType[*lacking](err); ok && op.From != "" {
		if err := s.fetchMissing(ctx, op, rec.Target, report); err != nil {
			return err
		}
		total, err = s.checkComplete(ctx, op, store, rec.Target)
	}
	if err != nil {
		return err
	}
	err = registry.Retry(ctx, func() error {
		pusher, err := s.Hosts.Resolver().Pusher(ctx, op.To) // anew: it remembers uploads that broke off
		if err != nil {
			return err
		}
		counter := &countingPusher{Pusher: pusher, total: total, report: report}
		return remotes.PushContent(ctx, counter, rec.Target, store, semaphore.NewWeighted(layersAtOnce), platforms.All, eachOnce)
	})
	if IsUnanswered(err) {
		return RecordError(op.Name, err) // it is read from containerd
	}
	if err != nil {
		return s.Hosts.Explain(op.To, err)
	}
	if mark.OwnerOf(rec.Labels, op.Name) == nil {
		return nil
	}
	label := mark.PushedLabel(op.To)
	rec.Labels = map[string]string{label: op.Digest + " " + op.To}
	_, err = s.Client.ImageService().Update(ctx, images.Image{Name: op.Name, Labels: rec.Labels}, "labels."+label)
	return RecordError(op.Name, err)
}

// checkComplete makes sure that all is here: a registry takes no index that names what it doesn't have.
func (s *Store) checkComplete(ctx context.Context, op *planner.PushImage, store manifest.Store, target ocispec.Descriptor) (int64, error) {
	var total int64
	seen := map[string]bool{}
	var walk func(desc ocispec.Descriptor, platform string) error
	walk = func(desc ocispec.Descriptor, platform string) error {
		if seen[desc.Digest.String()] {
			return nil
		}
		seen[desc.Digest.String()] = true
		if p, ok := spec.PlatformName(desc.Platform); ok {
			platform = " of " + p
		}
		if _, err := store.Info(ctx, desc.Digest); errdefs.IsNotFound(err) {
			return &lacking{fmt.Sprintf("image %s: it cannot be pushed to %s: it names %s%s, which is not here. A push copies all that an image names: "+
				"pull it with --all-platforms, or load it from an archive that has all", op.Name, op.To, desc.Digest, platform)}
		} else if err != nil {
			return RecordError(op.Name, err)
		}
		total += desc.Size
		if !images.IsIndexType(desc.MediaType) && !images.IsManifestType(desc.MediaType) {
			return nil
		}
		children, err := manifest.Children(ctx, store, desc)
		if err != nil {
			return RecordError(op.Name, err)
		}
		for _, c := range children {
			if err := walk(c, platform); err != nil {
				return err
			}
		}
		return nil
	}
	return total, walk(target, "")
}

// eachOnce passes over what several entries of an index share: two uploads of one blob at a time disturb each other.
func eachOnce(h images.Handler) images.Handler {
	var seen sync.Map
	return images.HandlerFunc(func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		if _, again := seen.LoadOrStore(desc.Digest, true); again {
			return nil, nil
		}
		return h.Handle(ctx, desc)
	})
}

// lacking is the error for an image of which something is not here.
type lacking struct{ text string }

func (e *lacking) Error() string { return e.text }

// fetchMissing brings what isn't here from the registry that the image was pulled from.
func (s *Store) fetchMissing(ctx context.Context, op *planner.PushImage, target ocispec.Descriptor, report func(executor.Progress)) error {
	ref, err := atDigest(op.From, op.Digest)
	if err != nil {
		return err
	}
	p, err := s.newPull(ctx, ref, report)
	if err == nil {
		err = p.fetchAll(ctx, target)
	}
	if err != nil {
		return p.explain(op.From, err)
	}
	return nil
}

// countingPusher reports what is sent.
type countingPusher struct {
	remotes.Pusher
	done   atomic.Int64
	total  int64
	report func(executor.Progress)
}

func (p *countingPusher) Push(ctx context.Context, desc ocispec.Descriptor) (content.Writer, error) {
	cw, err := p.Pusher.Push(ctx, desc)
	if err != nil {
		if errdefs.IsAlreadyExists(err) {
			p.add(desc.Size)
		}
		return nil, err
	}
	return &countingWriter{Writer: cw, pusher: p}, nil
}

func (p *countingPusher) add(n int64) {
	done := p.done.Add(n)
	if p.report != nil {
		p.report(executor.Progress{Done: done, Total: p.total})
	}
}

type countingWriter struct {
	content.Writer
	pusher *countingPusher
}

func (c *countingWriter) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	c.pusher.add(int64(n))
	return n, err
}
