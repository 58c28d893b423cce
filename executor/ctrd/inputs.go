package ctrd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/executor/build"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/executor/rootfs"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// maxInputs bounds the lists of inputs that are read into memory: a context of half a million files.
const maxInputs = 64 << 20

// buildSource reads what a build depends on: from disk, and of its bases what they are now.
func (r *Reader) buildSource(ctx context.Context, im *spec.Image, cfg *spec.Config, s *planner.State, records map[string]images.Image, hosts func() *registry.Hosts) *planner.Source {
	bases := &baseReader{cfg: cfg, platform: r.platform, hosts: hosts, view: r.documents(), state: s, records: records, cacheDir: r.opts.cacheDir(),
		resolved: map[string]resolved{}, inside: map[spec.Addr]bool{}}
	read, err := r.readBuild(ctx, im.Build, buildPlatforms(im), bases.configs(ctx, im), r.opts.Hashing)
	if err != nil {
		return &planner.Source{Err: err.Error()}
	}
	src := &planner.Source{Inputs: read.Inputs, Taken: read.Taken, Opaque: read.Opaque}
	for _, run := range read.Runs {
		src.Emulated = append(src.Emulated, planner.RunInstruction{Line: run.Line, Text: run.Text, Platforms: run.Platforms})
	}
	for _, b := range read.Bases {
		base, err := bases.base(ctx, im, b)
		if err != nil {
			return &planner.Source{Err: fmt.Sprintf("%s: %s %s: %v", at(read.Dockerfile, b.Line), b.Use, b.Ref, err)}
		}
		base.At, base.OnBuild, base.Opaque = at(read.Dockerfile, b.Line), b.OnBuild, b.Opaque
		src.Bases = append(src.Bases, base)
	}
	adds := addsOf(read.Sources, cfg.Lock)
	if rec := s.Images[im.Name]; len(read.Sources) > 0 && rec != nil && r.builtFrom(ctx, rec, filledInputs(src, adds.pinned().remotes(), cfg, s), src.Taken) {
		adds = adds.pinned() // an earlier version built it and pinned nothing: what it took is not asked for before the next build
	}
	if src.Remotes, err = adds.ask(ctx, read.Dockerfile); err != nil {
		return &planner.Source{Err: err.Error()}
	}
	src.Inputs = planner.FillRemotes(src.Inputs, src.Remotes)
	return src
}

func at(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// buildPlatforms gives the platforms that an image is built for.
func buildPlatforms(im *spec.Image) []string {
	if len(im.Build.Platforms) > 0 {
		return im.Build.Platforms
	}
	return hostPlatforms(im.Platform)
}

// readBuild reads a build's inputs.
func (r *Reader) readBuild(ctx context.Context, b *spec.Build, platforms []string, config func(build.Base, bool) (build.Config, error), hashing func(string, int64, int64)) (*build.Reading, error) {
	o := build.Options{CacheDir: r.opts.cacheDir(), Platforms: platforms, Host: r.platform, Env: os.LookupEnv, BaseConfig: config, Hashing: hashing, Own: r.opts.ownFiles()}
	if len(b.Secrets) > 0 {
		key, err := mark.HostKey(r.opts.root())
		if err != nil {
			return nil, err
		}
		o.Key = key
	}
	return build.Read(ctx, b, o)
}

func hasName(im *spec.Image, ref string) bool { return im.Name == ref || slices.Contains(im.Tags, ref) }

// blockOf gives the image block that a base is; zero for none.
func blockOf(im *spec.Image, b build.Base, cfg *spec.Config) spec.Addr {
	if b.Context != "" {
		return im.Build.Contexts[b.Context].Image
	}
	for _, other := range cfg.Images {
		if other.Addr != im.Addr && !other.Implied && hasName(other, b.Ref) {
			return other.Addr
		}
	}
	return spec.Addr{}
}

// importSource reads what an image from a root filesystem depends on.
func (r *Reader) importSource(ctx context.Context, im *spec.Image) *planner.Source {
	in, err := rootfs.Inputs(ctx, im.Rootfs, r.rootfsOptions())
	if err != nil {
		return &planner.Source{Err: err.Error()}
	}
	return &planner.Source{Inputs: in}
}

func (r *Reader) rootfsOptions() rootfs.Options {
	return rootfs.Options{CacheDir: r.opts.cacheDir(), Platform: r.platform, Own: r.opts.ownFiles()}
}

// readMadeFrom reads what the images that will be made anew were made from the last time, for the plan's reasons.
func (r *Reader) readMadeFrom(ctx context.Context, cfg *spec.Config, s *planner.State, sources *planner.Sources) error {
	for _, im := range cfg.Images {
		src, rec := sources.Of(im), s.Images[im.Name]
		if src == nil || rec == nil || rec.Inputs == "" {
			continue
		}
		if filledInputs(src, nil, cfg, s).Digest() == rec.Inputs {
			continue
		}
		was, err := r.inputs(ctx, rec.Inputs)
		if errdefs.IsUnavailable(err) || ctx.Err() != nil {
			return err
		}
		if was, err = build.Comparable(was, src.Inputs, src.Taken); err != nil {
			return err
		}
		rec.LastInputs = was // nil where somebody took it away or damaged it: the plan says less then
	}
	return nil
}

// builtFrom tells whether an image was built from just these inputs, as far as the version that built it noted them.
func (r *Reader) builtFrom(ctx context.Context, rec *planner.LiveImage, now planner.Inputs, taken map[string][]string) bool {
	if rec.Inputs == now.Digest() {
		return true
	}
	was, err := r.inputs(ctx, rec.Inputs)
	if err == nil {
		was, err = build.Comparable(was, now, taken)
	}
	return err == nil && was.Digest() == now.Digest()
}

// filledInputs are all inputs of an image, with the digests that the records of its bases have.
func filledInputs(src *planner.Source, more []spec.Remote, cfg *spec.Config, s *planner.State) planner.Inputs {
	bases := slices.Clone(src.Bases)
	for i := range bases {
		if a := bases[i].Image; !a.IsZero() {
			bases[i].Digest = ""
			for _, im := range cfg.Images {
				if rec := s.Images[im.Name]; im.Addr == a && rec != nil {
					bases[i].Digest = rec.Digest
				}
			}
		}
	}
	return planner.FillBases(planner.FillRemotes(src.Inputs, more), bases)
}

// inputs reads a list of inputs from the content store.
func (r *Reader) inputs(ctx context.Context, dgst string) (planner.Inputs, error) {
	b, err := content.ReadBlob(ctx, documents{r, maxInputs}, ocispec.Descriptor{Digest: digest.Digest(dgst)})
	if err != nil {
		return nil, err
	}
	in, err := planner.DecodeInputs(b)
	return in.WithoutLockFiles(), err
}

// root is the directory of all that fairlead keeps.
func (o Options) root() string {
	if o.DataRoot == "" {
		return DefaultDataRoot
	}
	return o.DataRoot
}

// cacheDir is where is noted what files were when they were last read.
func (o Options) cacheDir() string { return filepath.Join(o.root(), "seen") }

// ownFiles are what a run writes that could be in a directory which is built from.
func (o Options) ownFiles() []spec.OwnFile {
	files := []spec.OwnFile{{Path: o.cacheDir(), Advice: "Keep it elsewhere, with another --data-root"}}
	if o.PlanFile != "" {
		files = append(files, spec.OwnFile{Path: o.PlanFile, Advice: "Keep the plan in another directory"})
	}
	return files
}
