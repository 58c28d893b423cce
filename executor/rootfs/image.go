package rootfs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// configInputs tells of what is set in a config, an environment variable and a label each by itself.
func configInputs(c spec.ImageConfig) planner.Inputs {
	var in planner.Inputs
	add := func(name, value string) {
		in = append(in, planner.Input{Kind: planner.InputOption, Name: "config." + name, Value: value})
	}
	for _, list := range []struct {
		name   string
		values []string
	}{{"entrypoint", c.Entrypoint}, {"command", c.Command}, {"expose", c.Expose}, {"volumes", c.Volumes}} {
		if len(list.values) > 0 {
			add(list.name, fmt.Sprintf("%q", list.values))
		}
	}
	for _, one := range []struct{ name, value string }{
		{"working_dir", c.WorkingDir}, {"user", c.User}, {"stop_signal", c.StopSignal}} {
		if one.value != "" {
			add(one.name, one.value)
		}
	}
	for _, m := range []struct {
		name   string
		values map[string]string
	}{{"env", c.Env}, {"labels", c.Labels}} {
		for k, v := range m.values {
			add(fmt.Sprintf("%s[%q]", m.name, k), v)
		}
	}
	return in
}

// writeImage writes config and manifest of an image of one layer. Nothing in them depends on when or where.
func writeImage(ctx context.Context, store content.Store, r *spec.Rootfs, platform string, layer ocispec.Descriptor, diffID digest.Digest) (ocispec.Descriptor, error) {
	p, err := platforms.Parse(platform)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("%s: platform %q: %w", spec.Shown(r.Path), platform, err)
	}
	epoch := time.Unix(0, 0).UTC()
	config, err := writeDocument(ctx, store, ocispec.MediaTypeImageConfig, ocispec.Image{
		Created:  &epoch,
		Platform: p,
		Config:   configOf(r.Config),
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{diffID}},
		History:  []ocispec.History{{Created: &epoch, Comment: "imported by fairlead"}},
	})
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	manifest, err := writeDocument(ctx, store, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    config,
		Layers:    []ocispec.Descriptor{layer},
	})
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	children := func(context.Context, ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		return []ocispec.Descriptor{config, layer}, nil
	}
	if _, err := images.SetChildrenLabels(store, children)(ctx, manifest); err != nil { // also on a manifest that was there
		return ocispec.Descriptor{}, fmt.Errorf("content store: manifest %s cannot be labelled: %w", manifest.Digest, err)
	}
	return manifest, nil
}

func configOf(c spec.ImageConfig) ocispec.ImageConfig {
	out := ocispec.ImageConfig{
		Entrypoint: c.Entrypoint, Cmd: c.Command, WorkingDir: c.WorkingDir, User: c.User, StopSignal: c.StopSignal, Labels: c.Labels,
		ExposedPorts: setOf(c.Expose), Volumes: setOf(c.Volumes),
	}
	for k, v := range c.Env {
		out.Env = append(out.Env, k+"="+v)
	}
	slices.Sort(out.Env)
	return out
}

func setOf(list []string) map[string]struct{} {
	set := map[string]struct{}{}
	for _, v := range list {
		set[v] = struct{}{}
	}
	return set
}

func writeDocument(ctx context.Context, store content.Store, mediaType string, v any) (ocispec.Descriptor, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc, err := writeBlob(ctx, store, func(w *sink) error { _, err := w.Write(b); return err })
	desc.MediaType = mediaType
	return desc, err
}
