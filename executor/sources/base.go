package sources

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"

	"github.com/fairlead-dev/fairlead/executor/archive"
	"github.com/fairlead-dev/fairlead/executor/build"
	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// configTimeout bounds the question for the config of an image that is pinned: without an answer, the plan goes on.
const configTimeout = 10 * time.Second

// baseReader finds out about the images that the Dockerfile of one build names.
type baseReader struct {
	*reader
	pinnedOnly bool // no registry is asked about what the lock file doesn't have

	resolved map[string]resolved // what registries said, by reference
	inside   map[spec.Addr]bool  // image blocks whose Dockerfiles are being read
}

type resolved struct {
	registry.Resolved
	err error
}

func newBaseReader(r *reader) *baseReader {
	return &baseReader{reader: r, resolved: map[string]resolved{}, inside: map[spec.Addr]bool{}}
}

var errNotPinned = errors.New("it isn't pinned")

func (x *baseReader) resolve(ctx context.Context, ref string) (registry.Resolved, error) {
	if x.pinnedOnly {
		return registry.Resolved{}, errNotPinned
	}
	got, asked := x.resolved[ref]
	if !asked {
		got.Resolved, got.err = registry.Resolve(ctx, x.hosts(), ref)
		x.resolved[ref] = got
	}
	return got.Resolved, got.err
}

// base finds out what an image that a Dockerfile names is: an image block of the stack, what the lock file pins, what is on the host, or
// what a registry has.
func (x *baseReader) base(ctx context.Context, im *spec.Image, b build.Base) (planner.Base, error) {
	out := planner.Base{Name: cmp.Or(b.Context, b.Ref), Ref: b.Ref, Needs: b.Platforms, Use: b.Use}
	if out.Image = blockOf(im, b, x.cfg); !out.Image.IsZero() {
		return out, nil
	}
	name, fixed, _ := strings.Cut(b.Ref, "@")
	pin := x.cfg.Lock[b.Ref]
	out.Digest, out.Platforms = pin.Digest, pin.Platforms
	if hasName(im, b.Ref) && pin.Digest == "" {
		return out, errors.New("it is the image's own name: it would be built on what was built the last time, each time anew. Give one of the two another name, or pin the base by its digest")
	}
	if fixed != "" {
		out.Digest, out.Platforms = fixed, nil
	}
	if len(out.Platforms) == 0 {
		out.Platforms = nil
	}
	for _, n := range []string{b.Ref, name} {
		rec := x.images[n]
		if rec == nil || out.Digest != "" && rec.Digest != out.Digest {
			continue
		}
		complete, err := x.host.CompletePlatforms(ctx, rec.Digest)
		if err != nil {
			return out, err
		}
		if !slices.ContainsFunc(b.Platforms, func(p string) bool { _, ok := complete[p]; return !ok }) {
			out.Digest, out.Platforms, out.Local = rec.Digest, complete, true
			return out, nil
		}
	}
	if out.Digest != "" {
		return out, nil
	}
	got, err := x.resolve(ctx, b.Ref)
	if err != nil {
		if b.Near != "" {
			err = fmt.Errorf("%w. Did you mean the stage %q?", err, b.Near)
		}
		return out, err
	}
	out.Digest, out.Platforms = got.Digest, got.Platforms
	return out, nil
}

// configs tells of each image that a stage of im's Dockerfile begins with what it gives to that stage.
func (x *baseReader) configs(ctx context.Context, im *spec.Image) func(build.Base, bool) (build.Config, error) {
	return func(b build.Base, env bool) (build.Config, error) {
		if addr := blockOf(im, b, x.cfg); !addr.IsZero() {
			return x.configOfBlock(ctx, addr, b.Platforms[0], env)
		}
		base, err := x.base(ctx, im, b)
		if err != nil {
			return build.Config{}, nil // that is said of the base itself
		}
		return x.configOfImage(ctx, b.Ref, base.Digest, b.Platforms[0], env)
	}
}

// configOfBlock tells it of an image block, whether it is there yet or not: by what it is built or loaded from.
func (x *baseReader) configOfBlock(ctx context.Context, addr spec.Addr, platform string, env bool) (build.Config, error) {
	im := spec.As[*spec.Image](x.cfg.Get(addr))
	if im == nil || x.inside[addr] { // one that is built from itself is refused elsewhere
		return build.Config{}, nil
	}
	switch {
	case im.Build != nil:
		x.inside[addr] = true
		defer delete(x.inside, addr)
		c, err := build.Result(im.Build, build.Options{Platforms: []string{platform}, Host: x.o.Platform, BaseConfig: x.configs(ctx, im)}, env)
		if err != nil {
			return build.Config{}, nil // that is said of the block itself
		}
		return c, nil
	case im.Rootfs != nil:
		c := build.Config{OnBuild: []string{}, EnvKnown: true}
		for name, value := range im.Rootfs.Config.Env {
			c.Env = append(c.Env, name+"="+value)
		}
		return c, nil
	case im.Load != "":
		return x.configOfArchive(ctx, im, platform)
	default:
		_, fixed, _ := strings.Cut(im.Pull, "@")
		dgst := cmp.Or(fixed, x.cfg.Lock[im.Pull].Digest)
		if rec := x.images[im.Name]; dgst == "" && rec != nil && im.Name == im.Pull {
			dgst = rec.Digest
		}
		if dgst == "" {
			got, err := x.resolve(ctx, im.Pull)
			if err != nil {
				return build.Config{}, nil
			}
			dgst = got.Digest
		}
		return x.configOfImage(ctx, im.Pull, dgst, platform, env)
	}
}

// configOfArchive reads it from the image's record, if that came from the file as it is now, else from the file.
func (x *baseReader) configOfArchive(ctx context.Context, im *spec.Image, platform string) (build.Config, error) {
	if print, err := archive.Fingerprint(im.Load); err == nil && x.isLoaded(im, print) {
		return parseConfig(x.host.ImageConfig(ctx, x.images[im.Name].Digest, platform)), nil
	}
	a, err := archive.Open(ctx, im.Load)
	if err != nil {
		return build.Config{}, nil // that is said of the block itself
	}
	found, err := a.Select(im.Name)
	if err != nil {
		return build.Config{}, nil
	}
	b, err := content.ReadBlob(ctx, a, found.Config(platform))
	if err != nil {
		return build.Config{}, nil
	}
	return parseConfig(b), nil
}

// configOfImage takes it from the lock file, which has no environment, from the host's content, or from the registry.
func (x *baseReader) configOfImage(ctx context.Context, ref, dgst, platform string, env bool) (build.Config, error) {
	pin := x.cfg.Lock[ref]
	pinned := pin.Digest == dgst || strings.Contains(ref, "@")
	if pin.OnBuild != nil && pin.Digest == dgst && !env {
		return build.Config{OnBuild: pin.OnBuild}, nil
	}
	if c := parseConfig(x.host.ImageConfig(ctx, dgst, platform)); c.EnvKnown {
		return c, nil
	}
	if pinned {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, configTimeout)
		defer cancel()
	}
	var doc build.ImageDocument
	err := registry.Config(ctx, x.hosts(), ref, dgst, platform, &doc)
	switch {
	case err == nil:
		return doc.BaseConfig(), nil
	case env:
		return build.Config{}, fmt.Errorf("its environment, which an ADD names, cannot be read: %w", err)
	}
	return build.Config{}, nil // the build says it, if it has to ask again
}

// parseConfig takes from an image's config what it gives to a stage; nothing from none.
func parseConfig(config []byte) build.Config {
	var doc build.ImageDocument
	if json.Unmarshal(config, &doc) != nil {
		return build.Config{}
	}
	return doc.BaseConfig()
}
