package archive

import (
	"encoding/json"
	"fmt"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// readDocker reads manifest.json, which docker save writes, and makes the manifest that the archive lacks: byte for byte the one
// that containerd's own import makes.
func (s *scan) readDocker() error {
	var list []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := s.parse("manifest.json", s.manifest, &list); err != nil {
		return err
	}
	if len(list) > maxChildren {
		return tooMany(s.archive.Path, "manifest.json", len(list), "images")
	}
	for _, m := range list {
		if len(m.Layers) > maxChildren {
			return tooMany(s.archive.Path, "an image in manifest.json", len(m.Layers), "layers")
		}
		if len(m.RepoTags) > maxChildren {
			return tooMany(s.archive.Path, "an image in manifest.json", len(m.RepoTags), "tags")
		}
		config, err := s.blobNamed(m.Config, "config")
		if err != nil {
			return err
		}
		config.MediaType = images.MediaTypeDockerSchema2Config
		layers := make([]ocispec.Descriptor, len(m.Layers))
		for i, file := range m.Layers {
			if layers[i], err = s.blobNamed(file, "layer"); err != nil {
				return err
			}
			layers[i].MediaType = images.MediaTypeDockerSchema2LayerGzip
			if s.archive.blobs[layers[i].Digest].plain {
				layers[i].MediaType = images.MediaTypeDockerSchema2Layer
			}
		}
		target, err := s.makeManifest(config, layers)
		if err != nil {
			return err
		}
		s.merge("", target)
		for _, tag := range m.RepoTags {
			s.merge(normalName(tag), target)
		}
	}
	return nil
}

// blobNamed finds the blob that manifest.json names, through a link if need be.
func (s *scan) blobNamed(file, what string) (ocispec.Descriptor, error) {
	name, ok := cleanName(file)
	if !ok {
		return ocispec.Descriptor{}, leadsOut(s.archive.Path, file)
	}
	for hops := 0; s.links[name] != "" && hops < 8; hops++ {
		name = s.links[name]
	}
	d, ok := s.files[name]
	if !ok {
		return ocispec.Descriptor{}, fmt.Errorf("%s: the %s %q that manifest.json names is missing: the archive is not whole. Save it again", s.archive.Path, what, file)
	}
	return ocispec.Descriptor{Digest: d, Size: s.archive.blobs[d].size}, nil
}

func (s *scan) makeManifest(config ocispec.Descriptor, layers []ocispec.Descriptor) (ocispec.Descriptor, error) {
	manifest := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: images.MediaTypeDockerSchema2Manifest, Config: config, Layers: layers}
	b, err := json.Marshal(manifest)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	d := digest.FromBytes(b)
	if s.archive.documents[d] == nil {
		if err := s.countKept(int64(len(b))); err != nil {
			return ocispec.Descriptor{}, err
		}
	}
	s.archive.documents[d] = b
	return ocispec.Descriptor{MediaType: manifest.MediaType, Digest: d, Size: int64(len(b))}, nil
}
