package sources

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/fairlead-dev/fairlead/executor/build"
	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/spec"
)

// add is what an ADD takes from a server, with what the lock file pins it at.
type add struct {
	build.Source
	pin spec.Pin // zero: it isn't pinned
}

type adds []add

func addsOf(sources []build.Source, lock spec.Lock) adds {
	var out adds
	for _, s := range sources {
		pin := lock[spec.Shown(s.URL)]
		if s.Git != (pin.Commit != "") {
			pin = spec.Pin{}
		}
		out = append(out, add{s, pin})
	}
	return out
}

// pinned gives those that the lock file has.
func (as adds) pinned() adds {
	return slices.DeleteFunc(slices.Clone(as), func(r add) bool { return r.pin.Digest+r.pin.Commit == "" })
}

// remotes gives them with their pins.
func (as adds) remotes() []spec.Remote {
	var out []spec.Remote
	for _, r := range as {
		out = append(out, spec.Remote{URL: r.URL, Digest: r.pin.Digest, Commit: r.pin.Commit})
	}
	return out
}

// ask fills in what the lock file doesn't have. dockerfile is the path of what names them, for errors.
func (as adds) ask(ctx context.Context, dockerfile string) ([]spec.Remote, error) {
	var errs []error
	for i := range as {
		r := &as[i]
		if r.pin.Digest+r.pin.Commit != "" {
			continue
		}
		var err error
		if r.pin, err = r.Pin(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: ADD %w. With ADD --checksum, nobody has to ask", placeIn(dockerfile, r.Line), err))
		}
	}
	return as.remotes(), errors.Join(errs...)
}

// Named is what the Dockerfiles of a stack name that a lock file pins, each once and sorted.
type Named struct {
	Images  []string            // references that no block of the stack has, with those of a digest
	OnBuild map[string][]string // the instructions of those that a stage begins with, as far as they are pinned
	Sources []build.Source      // what ADD takes from servers
	Whole   bool                // nothing is missing that only ONBUILD instructions name, of an image that isn't pinned
}

// NamedByDockerfiles reads them without a daemon: of an image that is on the host alone it isn't known what its ONBUILD instructions name.
// platform is the host's own.
func NamedByDockerfiles(ctx context.Context, cfg *spec.Config, hosts *registry.Hosts, platform string) (Named, error) {
	out := Named{Whole: true, OnBuild: map[string][]string{}}
	x := newBaseReader(&reader{cfg: cfg, host: noHost{}, hosts: func() *registry.Hosts { return hosts }, o: Options{Platform: platform}})
	x.pinnedOnly = true
	for _, im := range spec.Of[*spec.Image](cfg) {
		if im.Build == nil {
			continue
		}
		configs := x.configs(ctx, im)
		bases, sources, err := build.Remotes(im.Build, build.Options{Platforms: x.buildPlatforms(im), Host: x.o.Platform, BaseConfig: func(b build.Base, env bool) (build.Config, error) {
			c, err := configs(b, env)
			if err != nil || c.OnBuild == nil || c.Opaque {
				out.Whole = false
			}
			return c, nil
		}})
		if err != nil {
			return out, fmt.Errorf("%s: %w", im.Addr, err)
		}
		for _, b := range bases {
			if blockOf(im, b, cfg).IsZero() && !hasName(im, b.Ref) {
				out.Images = append(out.Images, b.Ref)
				if b.OnBuild != nil {
					out.OnBuild[b.Ref] = b.OnBuild
				}
			}
		}
		out.Sources = append(out.Sources, sources...)
	}
	slices.Sort(out.Images)
	out.Images = slices.Compact(out.Images)
	return out, nil
}

// URLs gives what ADD takes from servers as a lock file has it.
func (n Named) URLs() []string {
	var out []string
	for _, s := range n.Sources {
		out = append(out, spec.Shown(s.URL))
	}
	return out
}

// Pin asks what the URL, as a lock file has it, stands for now.
func (n Named) Pin(ctx context.Context, key string) (spec.Pin, error) {
	for _, s := range n.Sources {
		if spec.Shown(s.URL) == key {
			return s.Pin(ctx)
		}
	}
	return spec.Pin{}, fmt.Errorf("%s: no ADD takes it any more. `fairlead lock` forgets it", key)
}
