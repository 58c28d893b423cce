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
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	plain, done, err := decompress(file, f)
	if err != nil {
		return err
	}
	defer done()
	return eachInTar(ctx, file, plain, visit)
}

func eachInTar(ctx context.Context, file string, r io.Reader, visit func(entry, io.Reader) error) error {
	tr := tar.NewReader(r)
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		header, err := tr.Next()
		if errors.Is(err, io.EOF) && n > 0 {
			return drain(file, r)
		}
		if err != nil {
			return damaged(file, n, err)
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
		if err := visit(e, tr); err != nil {
			return damaged(file, n, err)
		}
	}
}

// drain reads to the end, so that a compressed file's own checksum is checked too.
func drain(file string, r io.Reader) error {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return damaged(file, 1, err)
	}
	return nil
}

// damaged puts errors of the reading itself into words; others pass.
func damaged(file string, read int, err error) error {
	var corrupt bzip2.StructuralError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: it ends too early: the file is truncated. Copy or save it again", file)
	case read == 0 && (errors.Is(err, io.EOF) || errors.Is(err, tar.ErrHeader)):
		return notArchive(file)
	case errors.Is(err, tar.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.As(err, &corrupt),
		strings.HasPrefix(err.Error(), "flate:"), errors.Is(err, zstd.ErrCRCMismatch), errors.Is(err, zstd.ErrMagicMismatch):
		return fmt.Errorf("%s: it is corrupt: %w. Copy or save it again", file, err)
	}
	return err
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
	if _, err := root.Stat("oci-layout"); err != nil {
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
		f, err := root.Open(name)
		if err != nil {
			return fmt.Errorf("%s: %s in it cannot be read, or leads out of it: %w", dir, name, err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s: %s in it is no file", dir, name)
		}
		return visit(entry{name: name, size: info.Size()}, f)
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
			return nil, nil, damaged(file, 1, err)
		}
		return z, func() { _ = z.Close() }, nil
	case bytes.HasPrefix(head, magicZstd):
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(1<<28), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, damaged(file, 1, err)
		}
		return z, z.Close, nil
	case bytes.HasPrefix(head, magicBzip2):
		return bzip2.NewReader(r), func() {}, nil
	case bytes.HasPrefix(head, magicXZ):
		return nil, nil, fmt.Errorf("%s: it is compressed with xz, which is not read here. Unpack it first: xz -dk %s", file, file)
	}
	return r, func() {}, nil
}
