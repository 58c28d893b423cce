package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/fairlead-dev/fairlead/spec"
)

// maxEntries bounds the files of one archive.
const maxEntries = 100_000

// entry is one file of an archive or a layout. Link is set, and the rest isn't, for a symbolic link to another file of it.
type entry struct {
	name string
	size int64
	link string
}

// each calls visit for each file at path, in the order in which they lie there. What visit leaves unread is skipped.
func each(ctx context.Context, file string, visit func(entry, io.Reader) error) error {
	info, err := stat(file)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return eachInDir(ctx, file, visit)
	}
	f, err := spec.OpenRegular(file)
	if err != nil {
		return unreadable(file, err)
	}
	defer f.Close()
	plain, done, err := decompress(file, f)
	if err != nil {
		return err
	}
	defer done()
	return eachInTar(ctx, file, plain, visit)
}

// stream is what an archive is read from: it ends with its context, and knows whether it came to its end.
type stream struct {
	*bufio.Reader
	ctx   context.Context
	ended bool
}

func (s *stream) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.Reader.Read(p)
	s.ended = s.ended || errors.Is(err, io.EOF)
	return n, err
}

// body is one file's content. Errors of reading it are told from those of whoever it is read for.
type body struct {
	io.Reader
	ctx context.Context
}

func (b body) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := b.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &readError{err}
	}
	return n, err
}

type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// errUnended is for a tar without the two empty blocks at its end. Some programs leave them away, so that it may be whole.
var errUnended = errors.New("it ends without a tar's end")

func eachInTar(ctx context.Context, file string, r io.Reader, visit func(entry, io.Reader) error) error {
	in := &stream{Reader: bufio.NewReaderSize(r, 1<<16), ctx: ctx}
	if _, err := in.Peek(512); errors.Is(err, io.EOF) {
		return notArchive(file) // less than one header
	}
	tr := tar.NewReader(in)
	for n := 0; ; n++ {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) && n > 0 {
			if in.ended {
				return errUnended
			}
			return drain(file, in)
		}
		if err != nil {
			return damaged(file, n, &readError{err})
		}
		if n >= maxEntries {
			return fmt.Errorf("%s: it has more than %d files, which no image has", file, maxEntries)
		}
		e, ok, err := entryOf(file, header)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := visit(e, body{tr, ctx}); err != nil {
			return damaged(file, n, err)
		}
	}
}

// drain reads to the end, so that a compressed file's own checksum is checked too.
func drain(file string, r io.Reader) error {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return damaged(file, 1, &readError{err})
	}
	return nil
}

// damaged puts errors of the reading itself into words; others pass.
func damaged(file string, read int, err error) error {
	var reading *readError
	if !errors.As(err, &reading) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var system *fs.PathError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: it ends too early: the file is truncated. Copy or save it again", file)
	case read == 0 && (errors.Is(err, io.EOF) || errors.Is(err, tar.ErrHeader)):
		return notArchive(file)
	case errors.As(err, &system):
		return fmt.Errorf("%s: it cannot be read: %w", file, system.Err)
	}
	return fmt.Errorf("%s: it is corrupt: %w. Copy or save it again", file, reading.err)
}

func notArchive(file string) error {
	return fmt.Errorf("%s: it is no image archive. `docker save`, `ctr images export` or `skopeo copy` write one, and an OCI layout's directory will do as well", file)
}

// entryOf checks a tar header. A name that leaves the archive is refused though nothing here would follow it: who wrote it
// meant harm, or the file is not what it seems.
func entryOf(file string, h *tar.Header) (entry, bool, error) {
	name, ok := inside(h.Name)
	if !ok {
		return entry{}, false, leaves(file, h.Name)
	}
	if sparse(h) {
		return entry{}, false, fmt.Errorf("%s: %q in it is a sparse file, whose holes are not in it: no image archive has one. Pack it without --sparse", file, h.Name)
	}
	switch h.Typeflag {
	case tar.TypeReg:
		return entry{name: name, size: h.Size}, true, nil
	case tar.TypeSymlink, tar.TypeLink:
		to := h.Linkname
		if h.Typeflag == tar.TypeSymlink {
			if path.IsAbs(to) {
				return entry{}, false, leaves(file, h.Name+" -> "+to)
			}
			to = path.Join(path.Dir(name), to)
		}
		target, ok := inside(to)
		if !ok {
			return entry{}, false, leaves(file, h.Name+" -> "+h.Linkname)
		}
		return entry{name: name, link: target}, true, nil
	case tar.TypeDir, tar.TypeXGlobalHeader:
		return entry{}, false, nil
	}
	return entry{}, false, fmt.Errorf("%s: %q in it is a device or a pipe, which no image archive has", file, h.Name)
}

// sparse tells whether a file's size is not that of what the archive has of it: a few bytes could stand for more than ever ends.
func sparse(h *tar.Header) bool {
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

func leaves(file, name string) error {
	return fmt.Errorf("%s: %q in it leads out of the archive: it is refused. Get the archive from someone you trust", file, name)
}

// inside cleans a name in an archive, and tells whether it stays in there.
func inside(name string) (string, bool) {
	clean := path.Clean(name)
	if path.IsAbs(name) || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsRune(name, 0) {
		return "", false
	}
	return clean, true
}

// eachInDir visits a layout's files. A link that leads out of the directory is an error: os.Root does not follow it.
func eachInDir(ctx context.Context, dir string, visit func(entry, io.Reader) error) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := root.Lstat("oci-layout"); err != nil {
		return notLayout(dir)
	}
	n := 0
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		if n++; n > maxEntries {
			return fmt.Errorf("%s: it has more than %d files, which no image has", dir, maxEntries)
		}
		if d.IsDir() || !layoutName(name) {
			return ctx.Err()
		}
		info, err := root.Stat(name) // before it is opened: that would wait for a pipe's other end
		if err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("%s: %s in it is no file", dir, name)
		}
		var f *os.File
		if err == nil {
			f, err = root.Open(name)
		}
		if err != nil {
			return fmt.Errorf("%s: %s in it cannot be read, or leads out of it: %w", dir, name, err)
		}
		defer f.Close()
		return damaged(dir, 1, visit(entry{name: name, size: info.Size()}, body{f, ctx}))
	})
}

// layoutName tells a layout's own files from what else lies in the directory.
func layoutName(name string) bool {
	return name == "oci-layout" || name == "index.json" || strings.HasPrefix(name, "blobs/")
}

var (
	magicGzip  = []byte{0x1f, 0x8b}
	magicZstd  = []byte{0x28, 0xb5, 0x2f, 0xfd}
	magicBzip2 = []byte("BZh")
	magicXZ    = []byte{0xfd, '7', 'z', 'X', 'Z', 0}
)

// decompress gives the tar stream in a file.
func decompress(file string, f io.Reader) (io.Reader, func(), error) {
	r := bufio.NewReaderSize(f, 1<<16)
	head, err := r.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	switch {
	case len(head) == 0:
		return nil, nil, fmt.Errorf("%s: the file is empty. Copy or save it again", file)
	case bytes.HasPrefix(head, magicGzip):
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, damaged(file, 1, &readError{err})
		}
		return z, func() { _ = z.Close() }, nil
	case bytes.HasPrefix(head, magicZstd):
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(1<<28), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, damaged(file, 1, &readError{err})
		}
		return z, z.Close, nil
	case bytes.HasPrefix(head, magicBzip2):
		return bzip2.NewReader(r), func() {}, nil
	case bytes.HasPrefix(head, magicXZ):
		return nil, nil, fmt.Errorf("%s: it is compressed with xz, which is not read here. Unpack it first: xz -dk %s", file, file)
	}
	return r, func() {}, nil
}
