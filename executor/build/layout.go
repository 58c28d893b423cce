package build

import (
	"encoding/json"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/spec"
)

// ImageDocument is the part of an image's config that a stage takes over.
type ImageDocument struct {
	Config struct {
		Env     []string
		OnBuild []string
	} `json:"config"`
}

// BaseConfig is what it says.
func (d ImageDocument) BaseConfig() Config {
	return Config{OnBuild: append([]string{}, d.Config.OnBuild...), Env: d.Config.Env, EnvKnown: true}
}

// layoutConfig reads the config of an image in an OCI layout, given as PATH:TAG or PATH@DIGEST: that of one platform, or of the only one.
// Of a layout that isn't whole nothing is known: the builder says what is missing.
func layoutConfig(layout, platform string) Config {
	dir, state, err := layoutImage(layout)
	if err != nil {
		return Config{}
	}
	var doc struct {
		Config    ocispec.Descriptor
		Manifests []ocispec.Descriptor
	}
	err = readBlob(dir, digest.Digest(state), &doc)
	for _, m := range doc.Manifests {
		if p, ok := spec.PlatformName(m.Platform); ok && p == platform || len(doc.Manifests) == 1 {
			err = readBlob(dir, m.Digest, &doc)
			break
		}
	}
	var image ImageDocument
	if err != nil || doc.Config.Digest == "" || readBlob(dir, doc.Config.Digest, &image) != nil {
		return Config{}
	}
	return image.BaseConfig()
}

// readBlob reads a JSON document of an OCI layout.
func readBlob(dir string, d digest.Digest, v any) error {
	if err := d.Validate(); err != nil {
		return err
	}
	text, err := readText(filepath.Join(dir, ocispec.ImageBlobsDir, d.Algorithm().String(), d.Encoded()))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}
