package ctrd

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/build"
	"github.com/fairlead-dev/fairlead/executor/buildkit"
	"github.com/fairlead-dev/fairlead/executor/image"
	"github.com/fairlead-dev/fairlead/executor/manifest"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/executor/rootfs"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// buildImage builds an image, and points its record at the result once that is whole.
func (w *Writer) buildImage(ctx context.Context, op *planner.BuildImage, report func(executor.Progress)) error {
	read, err := w.unchanged(ctx, op, report)
	if err != nil {
		return err
	}
	inputs := op.Inputs.Digest()
	if there, whole, err := w.alreadyBuilt(ctx, op, inputs); err != nil || there != nil {
		if err != nil {
			return err
		}
		w.results.put(op.Result, op.Was)
		report(executor.Progress{Same: true})
		return w.store.SetRecord(ctx, op.Name, there.Target, op.Before, mark.Image{Owner: op.Owner, Protect: op.Protect, Platforms: whole, Inputs: inputs})
	}
	request, err := w.request(ctx, op, read)
	if err != nil {
		return err
	}
	builder, err := w.builder(ctx, op.Owner.Stack)
	if err != nil {
		return err
	}
	defer w.client.ImageService().Delete(context.WithoutCancel(ctx), request.Record) // if that fails, the next apply deletes it
	got, err := builder.Build(ctx, request, report)
	if err != nil {
		return err
	}
	return w.recordBuilt(ctx, builtImage{op.Name, op.Inputs, op.Result, op.Was, op.Before, op.Owner, op.Protect}, got.Target, report)
}

// importImage makes an image of a root filesystem.
func (w *Writer) importImage(ctx context.Context, op *planner.ImportImage, report func(executor.Progress)) error {
	if err := w.importUnchanged(ctx, op); err != nil {
		return err
	}
	target, err := rootfs.Import(ctx, w.client.ContentStore(), op.Rootfs, w.rootfsOptions(), func(done, total int64) {
		report(executor.Progress{Done: done, Total: total})
	})
	if err == nil {
		err = w.importUnchanged(ctx, op) // it may have changed while it was read
	}
	if err != nil {
		return err
	}
	return w.recordBuilt(ctx, builtImage{op.Name, op.Inputs, op.Result, op.Was, op.Before, op.Owner, op.Protect}, target, report)
}

// importUnchanged fails if the root filesystem is not what the plan saw. By hand there is no plan.
func (w *Writer) importUnchanged(ctx context.Context, op *planner.ImportImage) error {
	if len(op.Inputs) == 0 {
		return nil
	}
	now, err := rootfs.Inputs(ctx, op.Rootfs, w.rootfsOptions())
	if err != nil {
		return err
	}
	if why := planner.WhyBuild(op.Inputs, now); len(why) > 0 {
		return fmt.Errorf("%s: it changed since the plan was made: %s. Plan again", spec.Shown(op.Rootfs.Path), strings.Join(why, "; "))
	}
	return nil
}

func (w *Writer) rootfsOptions() rootfs.Options {
	return rootfs.Options{CacheDir: w.opts.CacheDir(), Platform: w.platform, Own: w.opts.OwnFiles()}
}

// unchanged reads what a build depends on, and fails if it is not what the plan saw.
func (w *Writer) unchanged(ctx context.Context, op *planner.BuildImage, report func(executor.Progress)) (*build.Reading, error) {
	read, err := build.Read(ctx, op.Build, build.Options{CacheDir: w.opts.CacheDir(), Key: w.opts.Key, Platforms: op.Platforms, Host: w.platform, Env: os.LookupEnv,
		BaseConfig: plannedConfig(op.Bases), Own: w.opts.OwnFiles(), Hashing: func(path string, done, total int64) {
			report(executor.Progress{Done: done, Total: total, Note: "hashing " + path})
		}})
	if err != nil {
		return nil, notContainerd(err)
	}
	planned := slices.DeleteFunc(slices.Clone(op.Inputs), func(i planner.Input) bool {
		if i.Kind == planner.InputArg { // a plan counts those of which it wasn't known what they are, whether they are used or not
			return !slices.ContainsFunc(read.Inputs, func(r planner.Input) bool { return r.Kind == i.Kind && r.Name == i.Name })
		}
		return i.Kind == planner.InputBase || i.Kind == planner.InputSource
	})
	if why := planner.WhyBuild(planned, read.Inputs); len(why) > 0 {
		return nil, fmt.Errorf("image %s: what it is built from changed since the plan was made: %s. Plan again", op.Name, strings.Join(why, "; "))
	}
	return read, nil
}

// plannedConfig tells of a base what the plan knew of it.
func plannedConfig(bases []planner.Base) func(build.Base, bool) (build.Config, error) {
	return func(b build.Base, _ bool) (build.Config, error) {
		for _, have := range bases {
			if have.Name == cmp.Or(b.Context, b.Ref) {
				return build.Config{OnBuild: have.OnBuild, Opaque: have.Opaque}, nil
			}
		}
		return build.Config{}, nil
	}
}

// alreadyBuilt gives the record and its platforms if it is what would come out, whatever the plan had to suppose: a base that was built again
// came out as it was.
func (w *Writer) alreadyBuilt(ctx context.Context, op *planner.BuildImage, inputs string) (*images.Image, map[string]int64, error) {
	if op.Was == "" || op.Force {
		return nil, nil, nil
	}
	rec, err := w.client.ImageService().Get(ctx, op.Name)
	if errdefs.IsNotFound(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, image.RecordError(op.Name, err)
	}
	if mark.OwnerOf(rec.Labels, op.Name) == nil || rec.Labels[mark.LabelInputs] != inputs || rec.Target.Digest.String() != op.Was {
		return nil, nil, nil
	}
	whole, err := manifest.Complete(ctx, w.client.ContentStore(), rec.Target)
	if err != nil || slices.ContainsFunc(op.Platforms, func(p string) bool { _, ok := whole[p]; return !ok }) {
		return nil, nil, err
	}
	return &rec, whole, nil
}

// request is what the builder is asked for.
func (w *Writer) request(ctx context.Context, op *planner.BuildImage, read *build.Reading) (buildkit.Request, error) {
	r := buildkit.Request{Build: op.Build, Platforms: op.Platforms, Record: buildingPrefix + op.Owner.Stack + ":" + randomHex(8), Pins: map[string]string{}, Remotes: op.Remotes, Images: map[string]ocispec.Descriptor{}, Local: read.Local}
	var err error
	if r.Key, err = read.Local.Prepare(ctx, w.opts.CacheDir()); err != nil {
		return r, err
	}
	for _, b := range op.Bases {
		if b.Image.IsZero() && !b.Local {
			name, _, _ := strings.Cut(b.Ref, "@")
			r.Pins[b.Ref] = name + "@" + b.Digest
			continue
		}
		target, err := w.contentOf(ctx, b)
		if err != nil {
			return r, err
		}
		r.Images[b.Name] = target
	}
	return r, nil
}

// contentOf finds the record whose content a base is.
func (w *Writer) contentOf(ctx context.Context, b planner.Base) (ocispec.Descriptor, error) {
	all, err := w.client.ImageService().List(ctx, fmt.Sprintf("target.digest==%q", b.Digest))
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if len(all) == 0 {
		return ocispec.Descriptor{}, fmt.Errorf("%s: %s needs %s, which is gone. Plan again", b.At, b.Use, orName(b))
	}
	return all[0].Target, nil
}

func orName(b planner.Base) string {
	if b.Image.IsZero() {
		return b.Ref
	}
	return b.Image.String()
}

// builtImage is what came out of a build or an import, with what is to be written on its record.
type builtImage struct {
	name             string
	inputs           planner.Inputs
	placeholder, was string
	before           string // digest of the record when it was planned
	owner            planner.Owner
	protect          bool
}

// recordBuilt points the record at what was built, with the list of its inputs beside it.
func (w *Writer) recordBuilt(ctx context.Context, m builtImage, target ocispec.Descriptor, report func(executor.Progress)) error {
	whole, err := manifest.Complete(ctx, w.client.ContentStore(), target)
	if err != nil {
		return err
	}
	if _, ok := whole[w.platform]; ok {
		report(executor.Progress{Note: "unpacking " + w.platform})
		if err := w.store.Unpack(ctx, m.name, target, w.platform); err != nil {
			return err
		}
	}
	inputs := ""
	if len(m.inputs) > 0 {
		if inputs, err = w.writeInputs(ctx, m.inputs); err != nil {
			return err
		}
	}
	if err := w.store.SetRecord(ctx, m.name, target, m.before, mark.Image{Owner: m.owner, Protect: m.protect, Platforms: whole, Inputs: inputs, Sole: true}); err != nil {
		return err
	}
	digest := target.Digest.String()
	if m.placeholder != "" { // by hand, nothing comes after it
		w.results.put(m.placeholder, digest)
	}
	report(executor.Progress{Same: digest == m.was})
	return nil
}

// writeInputs puts the list of inputs into the content store.
func (w *Writer) writeInputs(ctx context.Context, in planner.Inputs) (string, error) {
	b := in.Encode()
	desc := ocispec.Descriptor{MediaType: "text/plain", Digest: digest.FromBytes(b), Size: int64(len(b))}
	if err := content.WriteBlob(ctx, w.client.ContentStore(), "fairlead-inputs-"+desc.Digest.String(), bytes.NewReader(b), desc); err != nil {
		return "", fmt.Errorf("content store: the list of inputs: %w", err)
	}
	return desc.Digest.String(), nil
}
