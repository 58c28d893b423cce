package manifest

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/executor/imageconfig"
	"github.com/fairlead-dev/fairlead/planner"
)

// Config reads the config of a manifest's image.
func Config(ctx context.Context, view content.Provider, manifest ocispec.Descriptor) (ocispec.Image, error) {
	var image ocispec.Image
	b, err := RawConfig(ctx, view, manifest)
	if err != nil {
		return image, err
	}
	if err := json.Unmarshal(b, &image); err != nil {
		return image, fmt.Errorf("manifest %s: its config: %w", manifest.Digest, err)
	}
	return image, nil
}

// RawConfig reads the config of a manifest's image as the JSON that it is.
func RawConfig(ctx context.Context, view content.Provider, manifest ocispec.Descriptor) ([]byte, error) {
	var m ocispec.Manifest
	b, err := content.ReadBlob(ctx, view, manifest)
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", manifest.Digest, err)
	}
	if !images.IsConfigType(m.Config.MediaType) {
		return nil, fmt.Errorf("manifest %s: its config is of type %q, which is no image to run", manifest.Digest, m.Config.MediaType)
	}
	if b, err = content.ReadBlob(ctx, view, m.Config); err != nil {
		return nil, fmt.Errorf("config %s: %w", m.Config.Digest, err)
	}
	return b, nil
}

// ContainerDefaults reads what an image gives containers, by platform. It is nil where the manifests can't be read: the plan's other readings
// of the image say so.
func ContainerDefaults(ctx context.Context, view content.Provider, target ocispec.Descriptor) map[string]planner.ImageConfig {
	manifests, err := List(ctx, view, target)
	if err != nil {
		return nil
	}
	out := make(map[string]planner.ImageConfig, len(manifests))
	for p, desc := range manifests {
		image, err := Config(ctx, view, desc)
		if errdefs.IsNotFound(err) {
			continue // the content of this platform isn't here
		}
		var config imageconfig.Config
		if err == nil {
			config, err = imageconfig.Of(image.Config)
		}
		if err != nil {
			out[p] = planner.ImageConfig{Unfit: err.Error()}
			continue
		}
		out[p] = planner.ImageConfig{Defaults: config.Container()}
	}
	return out
}
