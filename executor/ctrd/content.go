package ctrd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/executor/imageconfig"
	"github.com/fairlead-dev/fairlead/executor/manifest"
)

// manifests shows a Reader's content as containerd's own functions want to see it. It reads manifests and other small blobs, as a whole.
type manifests struct {
	r        *Reader
	maxBytes int // bytes of a blob
}

func (r *Reader) manifests() manifests { return manifests{r, manifest.MaxBytes} }

// Info tells of a blob that is there.
func (d manifests) Info(ctx context.Context, dgst digest.Digest) (content.Info, error) {
	got, err := d.r.content.Info(ctx, &contentapi.InfoRequest{Digest: dgst.String()})
	if err != nil {
		return content.Info{}, errgrpc.ToNative(err)
	}
	return content.Info{Digest: dgst, Size: got.GetInfo().GetSize()}, nil
}

// ReaderAt reads a blob.
func (d manifests) ReaderAt(ctx context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	stream, err := d.r.content.Read(ctx, &contentapi.ReadContentRequest{Digest: desc.Digest.String()})
	if err != nil {
		return nil, errgrpc.ToNative(err)
	}
	var buf bytes.Buffer
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errgrpc.ToNative(err)
		}
		buf.Write(m.Data)
		if buf.Len() > d.maxBytes {
			return nil, fmt.Errorf("content %s: more than %d bytes: this is no manifest", desc.Digest, d.maxBytes)
		}
	}
	if digest.FromBytes(buf.Bytes()) != desc.Digest {
		return nil, fmt.Errorf("content %s: the content store has something else under this digest; remove the image and pull it again", desc.Digest)
	}
	return readBytes{bytes.NewReader(buf.Bytes())}, nil
}

type readBytes struct{ *bytes.Reader }

// Close has nothing to close.
func (readBytes) Close() error { return nil }

// foreignImage finds what the image gives a container that another tool made, and the digest of the image if the container's
// snapshot shows that it was made from what the record points at now.
func (r *Reader) foreignImage(ctx context.Context, c *containers.Container, target ocispec.Descriptor) (imageconfig.Config, string) {
	view := r.manifests()
	manifests, err := manifest.List(ctx, view, target)
	if err != nil {
		return imageconfig.Config{}, ""
	}
	parent := ""
	if s, err := r.snapshots.Stat(ctx, &snapshotsapi.StatSnapshotRequest{Snapshotter: c.Snapshotter, Key: c.SnapshotKey}); err == nil {
		parent = s.GetInfo().GetParent()
	}
	var config imageconfig.Config
	for i, p := range slices.Sorted(maps.Keys(manifests)) {
		cfg, err := manifest.Config(ctx, view, manifests[p])
		if err != nil {
			continue
		}
		if identity.ChainID(cfg.RootFS.DiffIDs).String() == parent {
			config, _ = imageconfig.Of(cfg.Config) // it runs
			return config, target.Digest.String()
		}
		if i == 0 || p == r.platform {
			config, _ = imageconfig.Of(cfg.Config)
		}
	}
	return config, ""
}
