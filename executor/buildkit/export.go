package buildkit

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// exportOf says where the image goes: into a record of the containerd that the builder works on, or over the session into the store.
// Layers are written anew with the build's epoch as the time of their files, so that the same build gives the same digest.
func exportOf(r Request, local bool, store content.Store) client.ExportEntry {
	attrs := map[string]string{"rewrite-timestamp": "true", "oci-mediatypes": "true"}
	index := len(r.Platforms) > 1 || r.Build.Provenance || r.Build.SBOM
	for k, v := range r.Build.Annotations {
		attrs[exptypes.AnnotationManifestKey(nil, k)] = v
		if index {
			attrs[exptypes.AnnotationIndexKey(k)] = v
		}
	}
	if local {
		attrs["name"], attrs["unpack"], attrs["store"] = r.Record, "false", "true"
		return client.ExportEntry{Type: client.ExporterImage, Attrs: attrs}
	}
	attrs["tar"] = "false"
	return client.ExportEntry{Type: client.ExporterOCI, Attrs: attrs, OutputStore: store}
}

// targetOf reads what was exported from the builder's answer.
func targetOf(answer map[string]string) (ocispec.Descriptor, error) {
	var full ocispec.Descriptor
	raw, err := base64.StdEncoding.DecodeString(answer[exptypes.ExporterImageDescriptorKey])
	if err == nil {
		err = json.Unmarshal(raw, &full)
	}
	if err != nil {
		return full, fmt.Errorf("builder: it doesn't say what it built (%w). It may be too old: fairlead needs BuildKit 0.13 or newer", err)
	}
	return ocispec.Descriptor{MediaType: full.MediaType, Digest: full.Digest, Size: full.Size}, nil
}

// labelAll labels each document below target with what it refers to, so that garbage collection keeps all of it or nothing.
func labelAll(ctx context.Context, store content.Store, target ocispec.Descriptor) error {
	err := images.Walk(ctx, images.SetChildrenLabels(store, images.ChildrenHandler(store)), target)
	if err != nil {
		return fmt.Errorf("image %s: its content is not whole in containerd: %w", target.Digest, err)
	}
	return nil
}
