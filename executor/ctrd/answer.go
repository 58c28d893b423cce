package ctrd

import (
	"context"
	"maps"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/executor/manifest"
	"github.com/fairlead-dev/fairlead/planner"
)

// Answer reads what a plan for the stack must know beyond the first reading, and adds it to s.
func (r *Reader) Answer(ctx context.Context, stack string, s *planner.State, q planner.Questions) error {
	return r.whileAnswering(r.in(ctx), "reading the host", func(ctx context.Context) error {
		missing := slices.DeleteFunc(foreignPlatforms(q.Platforms, s.Host.Native), func(p string) bool { _, known := s.Host.Emulators[p]; return known })
		found, err := emulators(ctx, missing)
		if err != nil {
			return err
		}
		maps.Copy(s.Host.Emulators, found)
		s.Host.Runs = hostRuns(s.Host)
		for _, name := range q.Inputs {
			if s.Images[name].LastInputs, err = r.recordedInputs(ctx, s.Images[name].Inputs); err != nil {
				return r.gone("reading the content store", err)
			}
		}
		if q.Blobs {
			if s.Blobs, err = r.blobs(ctx, stack); err != nil {
				return r.gone("reading the content store", err)
			}
		}
		return nil
	})
}

// CompletePlatforms gives the platforms of an image whose content is all there, with its bytes.
func (r *Reader) CompletePlatforms(ctx context.Context, dgst string) (complete map[string]int64, err error) {
	err = r.whileAnswering(r.in(ctx), "reading the content store", func(ctx context.Context) error {
		target, ok := manifest.Find(ctx, r.manifests(), digest.Digest(dgst))
		if ok {
			complete, err = manifest.Complete(ctx, r.manifests(), target)
		}
		return err
	})
	return complete, err
}

// ImageConfig gives the config of an image's platform, as JSON; nil where it isn't there or is none.
func (r *Reader) ImageConfig(ctx context.Context, dgst, platform string) []byte {
	ctx = r.in(ctx)
	view := r.manifests()
	target, ok := manifest.Find(ctx, view, digest.Digest(dgst))
	if !ok {
		return nil
	}
	manifests, err := manifest.List(ctx, view, target)
	if err != nil {
		return nil
	}
	config, err := manifest.RawConfig(ctx, view, manifests[platform])
	if err != nil {
		return nil
	}
	return config
}

// RecordedInputs gives a list of inputs; nil where somebody took it away or damaged it.
func (r *Reader) RecordedInputs(ctx context.Context, dgst string) (in planner.Inputs, err error) {
	err = r.whileAnswering(r.in(ctx), "reading the content store", func(ctx context.Context) error {
		in, err = r.recordedInputs(ctx, dgst)
		return err
	})
	return in, err
}

// HasContent tells whether a blob is there.
func (r *Reader) HasContent(ctx context.Context, dgst string) (bool, error) {
	_, err := r.manifests().Info(r.in(ctx), digest.Digest(dgst))
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	return err == nil, r.gone("reading the content store", err)
}

// maxInputs bounds the lists of inputs that are read into memory: a context of half a million files.
const maxInputs = 64 << 20

func (r *Reader) recordedInputs(ctx context.Context, dgst string) (planner.Inputs, error) {
	b, err := content.ReadBlob(ctx, manifests{r, maxInputs}, ocispec.Descriptor{Digest: digest.Digest(dgst)})
	if errdefs.IsUnavailable(err) || ctx.Err() != nil {
		return nil, err
	}
	if err != nil {
		return nil, nil
	}
	in, err := planner.DecodeInputs(b)
	if err != nil {
		return nil, nil
	}
	return in.WithoutLockFiles(), nil
}
