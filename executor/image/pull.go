package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/manifest"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/planner"
)

// layersAtOnce is how many layers of one image are on their way at the same time.
const layersAtOnce = 3

// pull is one image on its way here.
type pull struct {
	*Store
	ref      string // REPO@DIGEST
	resolver remotes.Resolver
	fetcher  remotes.Fetcher
	store    content.Store
	progress *transfer
}

// Pull brings the wanted platforms of an image, unpacks them, and writes the record last. Content that is here already is not fetched.
func (s *Store) Pull(ctx context.Context, op *planner.PullImage, report func(executor.Progress)) error {
	ref, err := atDigest(op.Ref, op.Digest)
	if err != nil {
		return err
	}
	p, err := s.newPull(ctx, ref, report)
	if err != nil {
		return s.Hosts.Explain(op.Ref, err)
	}
	wanted := s.platforms(op.Platforms)
	target, err := p.fetch(ctx, digest.Digest(op.Digest), wanted)
	if err != nil {
		return p.explain(op.Ref, err)
	}
	for _, platform := range wanted {
		p.progress.note("unpacking " + platform)
		if err := s.Unpack(ctx, op.Name, target, platform); err != nil {
			return err
		}
	}
	whole, err := manifest.Complete(ctx, p.store, target)
	if err != nil {
		return err
	}
	maps.DeleteFunc(whole, func(platform string, _ int64) bool { return !slices.Contains(wanted, platform) }) // others may not be unpacked
	return s.SetRecord(ctx, op.Name, target, op.Before, mark.Image{Owner: op.Owner, Protect: op.Protect, Platforms: whole})
}

func (s *Store) newPull(ctx context.Context, ref string, report func(executor.Progress)) (p *pull, err error) {
	p = &pull{Store: s, ref: ref, resolver: s.Hosts.Resolver(), store: s.Client.ContentStore(), progress: newTransfer(report)}
	p.fetcher, err = p.resolver.Fetcher(ctx, ref)
	return p, err
}

// atDigest gives ref's repository with the digest in place of a tag.
func atDigest(ref, dgst string) (string, error) {
	named, err := reference.ParseDockerRef(ref)
	if err != nil {
		return "", fmt.Errorf("image %s: %w", ref, err)
	}
	d, err := digest.Parse(dgst)
	if err != nil {
		return "", fmt.Errorf("image %s: digest %q: %w", ref, dgst, err)
	}
	exact, err := reference.WithDigest(reference.TrimNamed(named), d)
	if err != nil {
		return "", fmt.Errorf("image %s: %w", ref, err)
	}
	return exact.String(), nil
}

// platforms puts the host's own platform for "", and for none.
func (s *Store) platforms(wanted []string) []string {
	if len(wanted) == 0 {
		return []string{s.Platform}
	}
	out := slices.Clone(wanted)
	for i, p := range out {
		out[i] = cmp.Or(p, s.Platform)
	}
	return out
}

// storeError is trouble on this side: the daemon or its disk, not the registry.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

func (p *pull) explain(ref string, err error) error {
	var here *storeError
	var status noPlatform
	if errors.As(err, &here) || IsUnanswered(err) {
		return fmt.Errorf("image %s: %w", ref, err)
	}
	if errors.As(err, &status) {
		return registry.NoPlatform(ref, status.want, status.has)
	}
	return p.Hosts.Explain(ref, err)
}

type noPlatform struct {
	want string
	has  map[string]int64
}

func (e noPlatform) Error() string { return "no " + e.want }

// fetch brings the manifests one after the other, and then the layers several at once.
func (p *pull) fetch(ctx context.Context, dgst digest.Digest, wanted []string) (ocispec.Descriptor, error) {
	target, err := p.target(ctx, dgst)
	if err != nil {
		return target, err
	}
	if err := p.fetchManifest(ctx, target); err != nil {
		return target, err
	}
	if !images.IsIndexType(target.MediaType) {
		if err := p.fetchConfig(ctx, target); err != nil {
			return target, err
		}
	}
	entries, err := p.entries(ctx, target, 0)
	if err != nil {
		return target, err
	}
	manifests, err := manifest.List(ctx, p.store, target)
	if err != nil {
		return target, err
	}
	brought := map[digest.Digest]bool{}
	var layers []ocispec.Descriptor
	for _, platform := range wanted {
		m, ok := manifests[platform]
		if !ok {
			has := map[string]int64{}
			for name := range manifests {
				has[name] = 0
			}
			return target, noPlatform{platform, has}
		}
		more, err := p.fetchPlatform(ctx, m)
		if err != nil {
			return target, err
		}
		layers, brought[m.Digest] = append(layers, more...), true
	}
	if err := p.fetchLayers(ctx, layers); err != nil {
		return target, err
	}
	return target, p.fetchRest(ctx, entries, brought, len(wanted) >= len(manifests))
}

// target gives the descriptor of a digest: from the content store, where it tells, else from the registry.
func (p *pull) target(ctx context.Context, dgst digest.Digest) (ocispec.Descriptor, error) {
	if desc, ok := manifest.Find(ctx, p.store, dgst); ok {
		return desc, nil
	}
	var desc ocispec.Descriptor
	err := registry.Retry(ctx, func() (err error) {
		_, desc, err = p.resolver.Resolve(ctx, p.ref)
		return err
	})
	return desc, err
}

// fetchManifest brings a manifest or an index, and labels it so that its children stay as long as it does. All children are labelled,
// those of other platforms too: they may come later.
func (p *pull) fetchManifest(ctx context.Context, desc ocispec.Descriptor) error {
	if desc.Size > manifest.MaxBytes {
		return fmt.Errorf("%s is a manifest of %d bytes: more than %d are not read", desc.Digest, desc.Size, manifest.MaxBytes)
	}
	p.progress.expect(desc.Digest, desc.Size, false)
	if err := p.fetchBlob(ctx, desc); err != nil {
		return err
	}
	return labelChildren(ctx, p.store, p.store, desc)
}

func labelChildren(ctx context.Context, store content.Store, from content.Provider, desc ocispec.Descriptor) error {
	children := func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		return manifest.Children(ctx, from, desc)
	}
	_, err := images.SetChildrenLabels(store, children)(ctx, desc)
	if err != nil {
		return &storeError{err}
	}
	return nil
}

// fetchConfig brings the config of a manifest that is here.
func (p *pull) fetchConfig(ctx context.Context, desc ocispec.Descriptor) error {
	children, err := manifest.Children(ctx, p.store, desc)
	if err != nil {
		return err
	}
	if len(children) == 0 || !images.IsConfigType(children[0].MediaType) || children[0].Size > manifest.MaxBytes {
		return fmt.Errorf("%s is no image to run: its config is of another type, or too large", desc.Digest)
	}
	p.progress.expect(children[0].Digest, children[0].Size, false)
	return p.fetchBlob(ctx, children[0])
}

// fetchPlatform brings a platform's manifest and config, and gives its layers.
func (p *pull) fetchPlatform(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	if err := p.fetchManifest(ctx, desc); err != nil {
		return nil, err
	}
	if err := p.fetchConfig(ctx, desc); err != nil {
		return nil, err
	}
	children, err := manifest.Children(ctx, p.store, desc)
	if err != nil {
		return nil, err
	}
	return children[1:], nil
}

func (p *pull) fetchLayers(ctx context.Context, layers []ocispec.Descriptor) error {
	for _, l := range layers {
		p.progress.expect(l.Digest, l.Size, true)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(layersAtOnce)
	begun := map[digest.Digest]bool{}
	for _, l := range layers {
		if !begun[l.Digest] {
			begun[l.Digest] = true
			g.Go(func() error { return p.fetchBlob(ctx, l) })
		}
	}
	return g.Wait()
}

// fetchBlob brings one blob. A transfer that broke off goes on where it ended.
func (p *pull) fetchBlob(ctx context.Context, desc ocispec.Descriptor) error {
	if err := desc.Digest.Validate(); err != nil {
		return fmt.Errorf("%q is no digest: %w", desc.Digest, err)
	}
	err := registry.Retry(ctx, func() error { return p.fetchOnce(ctx, desc) })
	if err == nil {
		p.progress.finish(desc.Digest, desc.Size)
	}
	return err
}

func (p *pull) fetchOnce(ctx context.Context, desc ocispec.Descriptor) error {
	ref := remotes.MakeRefKey(ctx, desc)
	for {
		begun, err := p.write(ctx, ref, desc)
		if !errdefs.IsFailedPrecondition(err) {
			return err
		}
		// The bytes differ from the digest. They must go, or the next try would end with them again.
		if aerr := abort(ctx, p.store, ref); aerr != nil {
			return &storeError{aerr}
		}
		if begun == 0 {
			return fmt.Errorf("%w: %s", registry.ErrDigestMismatch, desc.Digest)
		}
		// The beginning was from another time: it may have been that.
	}
}

// write takes a blob up where it was left, at begun.
func (p *pull) write(ctx context.Context, ref string, desc ocispec.Descriptor) (begun int64, err error) {
	cw, err := openWriter(ctx, p.store, ref, desc)
	if errdefs.IsAlreadyExists(err) {
		return 0, nil
	}
	if err != nil {
		return 0, &storeError{err}
	}
	defer cw.Close()
	status, err := cw.Status()
	if err != nil {
		return 0, &storeError{err}
	}
	if begun = status.Offset; begun == desc.Size {
		return begun, storeTrouble(cw.Commit(ctx, desc.Size, desc.Digest))
	}
	body, err := registry.Fetch(ctx, p.fetcher, desc, func(at int64) { p.progress.moved(desc.Digest, at) })
	if err != nil {
		return begun, err
	}
	defer body.Close()
	err = content.Copy(ctx, cw, body, desc.Size, desc.Digest)
	switch {
	case begun > 0 && registry.RefusesRange(body.Err):
		return begun, fmt.Errorf("%w: %w", errdefs.ErrFailedPrecondition, body.Err) // then from the beginning
	case err == nil || body.Err != nil || errors.Is(err, io.ErrUnexpectedEOF):
		return begun, err
	}
	return begun, storeTrouble(err)
}

func storeTrouble(err error) error {
	if err == nil || errdefs.IsAlreadyExists(err) {
		return nil
	}
	return &storeError{err}
}

// Unpack makes the snapshots of one platform.
func (s *Store) Unpack(ctx context.Context, name string, target ocispec.Descriptor, platform string) error {
	p, err := platforms.Parse(platform)
	if err != nil {
		return fmt.Errorf("image %s: platform %q: %w", name, platform, err)
	}
	manifests, err := manifest.List(ctx, s.Client.ContentStore(), target)
	if err != nil {
		return fmt.Errorf("image %s: %w", name, err)
	}
	if m, ok := manifests[platform]; ok { // containerd's own choice doesn't look into all indexes of an index
		target = m
	}
	img := containerd.NewImageWithPlatform(s.Client, images.Image{Name: name, Target: target}, platforms.OnlyStrict(p))
	if err := img.Unpack(ctx, ""); err != nil {
		return fmt.Errorf("image %s: unpack %s: %w", name, platform, err)
	}
	return nil
}
