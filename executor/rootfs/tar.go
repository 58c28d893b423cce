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
)

// input is a stream that ends with its context, and whose errors are known as those of reading. It tells how far it is.
type input struct {
	io.Reader
	ctx   context.Context
	moved func(done int64)
	done  int64
	ended bool
}

func (r *input) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.Reader.Read(p)
	if r.done += int64(n); n > 0 && r.moved != nil {
		r.moved(r.done)
	}
	if r.ended = r.ended || errors.Is(err, io.EOF); err != nil && !errors.Is(err, io.EOF) {
		err = &readError{err}
	}
	return n, err
}

// packTar writes the tar in r as a layer: as it is, if containerd can unpack that, else compressed with gzip. Name is for errors.
func packTar(ctx context.Context, name string, r io.Reader, w *sink, moved func(done int64)) (packed, error) {
	raw := bufio.NewReaderSize(&input{Reader: r, ctx: ctx, moved: moved}, 1<<16)
	head, err := raw.Peek(6)
	switch {
	case len(head) == 0 && errors.Is(err, io.EOF):
		return packed{}, nothing(name)
	case err != nil && !errors.Is(err, io.EOF):
		return packed{}, damaged(name, 0, err)
	}
	how := compressionOf(head)
	if how.layer == "" {
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
	p.mediaType = how.layer
	return p, damaged(name, 1, err)
}

// verifyTar reads the tar in r, as packTar does.
func verifyTar(ctx context.Context, name string, r io.Reader) error {
	whole := &input{Reader: r, ctx: ctx}
	raw := bufio.NewReaderSize(whole, 1<<16)
	head, err := raw.Peek(6)
	switch {
	case len(head) == 0 && errors.Is(err, io.EOF):
		return nothing(name)
	case err != nil && !errors.Is(err, io.EOF):
		return damaged(name, 0, err)
	}
	if _, err := readTar(ctx, name, raw, compressionOf(head), io.Discard); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, raw) // what follows the compressed stream
	return damaged(name, 1, err)
}

// readTar unpacks raw, checks the tar in it and copies it to w.
func readTar(ctx context.Context, name string, raw io.Reader, how compression, w io.Writer) (packed, error) {
	unpacked, err := how.unpack(raw)
	if err != nil {
		return packed{}, damaged(name, 1, &readError{err})
	}
	defer unpacked.Close()
	sum := digest.Canonical.Digester()
	buffered := bufio.NewReaderSize(unpacked, 1<<16)
	switch _, err := buffered.Peek(512); {
	case errors.Is(err, io.EOF): // less than one header
		return packed{}, notTar(name)
	case err != nil:
		return packed{}, damaged(name, 1, reading(err))
	}
	in := &input{Reader: buffered, ctx: ctx} // buffered: it ends only after its last byte, not with it
	if err := checkTar(name, in, io.MultiWriter(sum.Hash(), w)); err != nil {
		return packed{}, err
	}
	return packed{diffID: sum.Digest()}, nil
}

// checkTar reads a tar to its end and copies it to w. Where its names lead is not looked at: containerd unpacks each below the
// snapshot's own root.
func checkTar(name string, in *input, w io.Writer) error {
	copied := io.TeeReader(in, w)
	found, entries := map[string]bool{}, 0
	var bad error
	for tr := tar.NewReader(copied); ; entries++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return damaged(name, entries, reading(err))
		}
		if isMark[h.Name] {
			found[h.Name] = true
		}
		if err := checkEntry(name, h); err != nil && bad == nil {
			bad = err // said once it is known that this is a root filesystem
		}
	}
	switch {
	case in.ended: // before the two empty blocks at a tar's end: a file may be cut off between two others
		return truncated(name)
	case entries == 0:
		return nothing(name)
	case found["oci-layout"] && found["index.json"], found["manifest.json"] && found["repositories"]:
		return fmt.Errorf("%s: it is the archive of an image, not a root filesystem: use load instead of import", name)
	}
	if bad != nil {
		return bad
	}
	_, err := io.Copy(io.Discard, copied) // padding; and a compressed stream has a checksum at its end
	return damaged(name, entries, err)
}

// isMark has the files that show, in pairs, what docker save and its like wrote.
var isMark = map[string]bool{"oci-layout": true, "index.json": true, "manifest.json": true, "repositories": true}

// reading marks an error of the tar reader: its own, or one of what it reads.
func reading(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &readError{err}
}
