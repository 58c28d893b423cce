package rootfs

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/executor/stream"
)

// packTar writes the tar in r as a layer: as it is, if containerd can unpack that, else compressed with gzip. Name is for errors.
func packTar(ctx context.Context, name string, r io.Reader, w *sink, moved func(done int64)) (packed, error) {
	in := stream.NewReader(ctx, r)
	in.Moved = moved
	raw := bufio.NewReaderSize(in, 1<<16)
	head, err := raw.Peek(stream.HeadSize)
	switch {
	case len(head) == 0 && errors.Is(err, io.EOF):
		return packed{}, emptySource(name)
	case err != nil && !errors.Is(err, io.EOF):
		return packed{}, tarFiles.Explain(name, 0, err)
	}
	how := stream.CompressionOf(head)
	if how.Layer == "" {
		z := gzip.NewWriter(w)
		p, err := readTar(ctx, name, raw, how, z)
		if err == nil {
			err = z.Close()
		}
		p.mediaType = ocispec.MediaTypeImageLayerGzip
		return p, err
	}
	kept := io.TeeReader(raw, w)
	p, err := readTar(ctx, name, bufio.NewReaderSize(kept, 1<<16), how, io.Discard)
	if err == nil {
		_, err = io.Copy(io.Discard, kept) // what follows the compressed stream
	}
	p.mediaType = how.Layer
	return p, tarFiles.Explain(name, 1, err)
}

// verifyTar reads the tar in r, as packTar does.
func verifyTar(ctx context.Context, name string, r io.Reader) error {
	raw := bufio.NewReaderSize(stream.NewReader(ctx, r), 1<<16)
	head, err := raw.Peek(stream.HeadSize)
	switch {
	case len(head) == 0 && errors.Is(err, io.EOF):
		return emptySource(name)
	case err != nil && !errors.Is(err, io.EOF):
		return tarFiles.Explain(name, 0, err)
	}
	if _, err := readTar(ctx, name, raw, stream.CompressionOf(head), io.Discard); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, raw) // what follows the compressed stream
	return tarFiles.Explain(name, 1, err)
}

// readTar unpacks raw, checks the tar in it and copies it to w.
func readTar(ctx context.Context, name string, raw io.Reader, how stream.Compression, w io.Writer) (packed, error) {
	unpacked, err := how.Unpack(raw)
	if err != nil {
		return packed{}, tarFiles.Explain(name, 1, stream.MarkRead(err))
	}
	defer unpacked.Close()
	sum := digest.Canonical.Digester()
	buffered := bufio.NewReaderSize(unpacked, 1<<16)
	switch _, err := buffered.Peek(512); {
	case errors.Is(err, io.EOF): // less than one header
		return packed{}, notTar(name)
	case err != nil:
		return packed{}, tarFiles.Explain(name, 1, stream.MarkRead(err))
	}
	in := stream.NewReader(ctx, buffered) // buffered: it ends only after its last byte, not with it
	if err := checkTar(name, in, io.MultiWriter(sum.Hash(), w)); err != nil {
		return packed{}, err
	}
	return packed{diffID: sum.Digest()}, nil
}

// checkTar reads a tar to its end and copies it to w. Where its names lead is not looked at: containerd unpacks each below the
// snapshot's own root.
func checkTar(name string, in *stream.Reader, w io.Writer) error {
	copied := io.TeeReader(in, w)
	found, entries := map[string]bool{}, 0
	var bad error
	for tr := tar.NewReader(copied); ; entries++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return tarFiles.Explain(name, entries, stream.MarkRead(err))
		}
		if archiveFiles[h.Name] {
			found[h.Name] = true
		}
		if err := checkEntry(name, h); err != nil && bad == nil {
			bad = err // said once it is known that this is a root filesystem
		}
	}
	switch {
	case in.Ended: // before the two empty blocks at a tar's end: a file may be cut off between two others
		return tarFiles.Truncated(name)
	case entries == 0:
		return emptySource(name)
	case found["oci-layout"] && found["index.json"], found["manifest.json"] && found["repositories"]:
		return fmt.Errorf("%s: it is the archive of an image, not a root filesystem: use load instead of import", name)
	}
	if bad != nil {
		return bad
	}
	_, err := io.Copy(io.Discard, copied) // padding; and a compressed stream has a checksum at its end
	return tarFiles.Explain(name, entries, err)
}

// archiveFiles has the files that show, in pairs, what docker save and its like wrote.
var archiveFiles = map[string]bool{"oci-layout": true, "index.json": true, "manifest.json": true, "repositories": true}
