package sources

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/fairlead-dev/fairlead/executor/build"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// build reads what a build depends on: from disk, and of its bases what they are now.
func (r *reader) build(ctx context.Context, im *spec.Image) *planner.Source {
	bases := newBaseReader(r)
	read, err := build.Read(ctx, im.Build, build.Options{CacheDir: r.o.CacheDir, Key: r.o.Key, Platforms: r.buildPlatforms(im), Host: r.o.Platform, Env: os.LookupEnv,
		BaseConfig: bases.configs(ctx, im), Hashing: r.o.Hashing, Own: r.o.OwnFiles})
	if err != nil {
		return failed(err)
	}
	src := &planner.Source{Inputs: read.Inputs, Taken: read.Taken, Opaque: read.Opaque}
	for _, run := range read.Runs {
		src.Emulated = append(src.Emulated, planner.RunInstruction{Line: run.Line, Text: run.Text, Platforms: run.Platforms})
	}
	for _, b := range read.Bases {
		base, err := bases.base(ctx, im, b)
		if err != nil {
			return failed(fmt.Errorf("%s: %s %s: %w", placeIn(read.Dockerfile, b.Line), b.Use, b.Ref, err))
		}
		base.At, base.OnBuild, base.Opaque = placeIn(read.Dockerfile, b.Line), b.OnBuild, b.Opaque
		src.Bases = append(src.Bases, base)
	}
	adds := addsOf(read.Sources, r.cfg.Lock)
	if len(adds) > 0 {
		built, err := r.isBuiltFrom(ctx, im, src, r.withBases(src, planner.FillRemotes(src.Inputs, adds.pinned().remotes())))
		if err != nil {
			return failed(err)
		}
		if built {
			adds = adds.pinned() // an earlier version built it and pinned nothing: what it took is not asked for before the next build
		}
	}
	if src.Remotes, err = adds.ask(ctx, read.Dockerfile); err != nil {
		return failed(err)
	}
	src.Inputs = planner.FillRemotes(src.Inputs, src.Remotes)
	if err := r.recordedInputs(ctx, im, src); err != nil {
		return failed(err)
	}
	return src
}

// placeIn names a line of a file; 0 stands for the whole file.
func placeIn(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// buildPlatforms gives the platforms that an image is built for.
func (r *reader) buildPlatforms(im *spec.Image) []string {
	if len(im.Build.Platforms) > 0 {
		return im.Build.Platforms
	}
	if len(im.Platform) == 0 {
		return []string{r.o.Platform}
	}
	out := slices.Clone(im.Platform)
	for i := range out {
		out[i] = cmp.Or(out[i], r.o.Platform)
	}
	return out
}

func hasName(im *spec.Image, ref string) bool { return im.Name == ref || slices.Contains(im.Tags, ref) }

// blockOf gives the image block that a base is; zero for none.
func blockOf(im *spec.Image, b build.Base, cfg *spec.Config) spec.Addr {
	if b.Context != "" {
		return im.Build.Contexts[b.Context].Image
	}
	for _, other := range spec.Of[*spec.Image](cfg) {
		if other.Addr != im.Addr && !other.Implied && hasName(other, b.Ref) {
			return other.Addr
		}
	}
	return spec.Addr{}
}

// withBases adds the bases to an image's other inputs, with the digests that the records of those have that are blocks.
func (r *reader) withBases(src *planner.Source, in planner.Inputs) planner.Inputs {
	bases := slices.Clone(src.Bases)
	for i := range bases {
		if a := bases[i].Image; !a.IsZero() {
			bases[i].Digest = ""
			if im := spec.As[*spec.Image](r.cfg.Get(a)); im != nil && r.images[im.Name] != nil {
				bases[i].Digest = r.images[im.Name].Digest
			}
		}
	}
	return planner.FillBases(in, bases)
}

// isBuiltFrom tells whether an image was built from just these inputs, as far as the version that built it noted them.
func (r *reader) isBuiltFrom(ctx context.Context, im *spec.Image, src *planner.Source, now planner.Inputs) (bool, error) {
	rec := r.images[im.Name]
	if rec == nil || rec.Inputs == "" {
		return false, nil
	}
	if rec.Inputs == now.Digest() {
		return true, nil
	}
	was, err := r.host.RecordedInputs(ctx, rec.Inputs)
	if err != nil || was == nil {
		return false, err
	}
	was, err = build.Comparable(was, now, src.Taken)
	return err == nil && was.Digest() == now.Digest(), err
}

// recordedInputs reads what an image was built from the last time, for the plan's reasons, where that isn't what it would be built from now.
func (r *reader) recordedInputs(ctx context.Context, im *spec.Image, src *planner.Source) error {
	rec := r.images[im.Name]
	if rec == nil || rec.Inputs == "" || r.withBases(src, src.Inputs).Digest() == rec.Inputs {
		return nil
	}
	was, err := r.host.RecordedInputs(ctx, rec.Inputs)
	if err == nil && was != nil {
		was, err = build.Comparable(was, src.Inputs, src.Taken)
	}
	src.LastInputs = was
	return err
}
