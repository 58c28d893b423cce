package archive

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/fairlead-dev/fairlead/executor/stream"
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

// eachFile calls visit for each file at path, in the order in which they lie there. What visit leaves unread is skipped.
func eachFile(ctx context.Context, file string, visit func(entry, io.Reader) error) error {
	info, err := stat(file)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return eachInDir(ctx, file, visit)
	}
	f, err := spec.OpenRegular(file)
	if err != nil {
		return stream.Unreadable(file, err)
	}
	defer f.Close()
	plain, err := unpack(file, f)
	if err != nil {
		return err
	}
	defer plain.Close()
	return eachInTar(ctx, file, plain, visit)
}

// errUnended is for a tar without the two empty blocks at its end. Some programs leave them away, so that it may be whole.
var errUnended = errors.New("it ends without a tar's end")

func eachInTar(ctx context.Context, file string, r io.Reader, visit func(entry, io.Reader) error) error {
	buffered := bufio.NewReaderSize(r, 1<<16)
	if _, err := buffered.Peek(512); errors.Is(err, io.EOF) {
		return notArchive(file) // less than one header
	}
	in := stream.NewReader(ctx, buffered) // buffered: it ends only after its last byte, not with it
	tr := tar.NewReader(in)
	for n := 0; ; n++ {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) && n > 0 {
			if in.Ended {
				return errUnended
			}
			return drain(file, in)
		}
		if err != nil {
			return archives.Explain(file, n, stream.MarkRead(err))
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
		if err := visit(e, stream.NewReader(ctx, tr)); err != nil {
			return archives.Explain(file, n, err)
		}
	}
}

// drain reads to the end, so that a compressed file's own checksum is checked too.
func drain(file string, r io.Reader) error {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return archives.Explain(file, 1, stream.MarkRead(err))
	}
	return nil
}

// archives is what is said of archives that can't be read to their end.
var archives = stream.Kind{NotOne: notArchive, Remedy: "Copy or save it again"}

func notArchive(file string) error {
	return fmt.Errorf("%s: it is no image archive. `docker save`, `ctr images export` or `skopeo copy` write one, and an OCI layout's directory will do as well", file)
}

// entryOf checks a tar header. A name that leaves the archive is refused though nothing here would follow it: who wrote it
// meant harm, or the file is not what it seems.
func entryOf(file string, h *tar.Header) (entry, bool, error) {
	name, ok := cleanName(h.Name)
	if !ok {
		return entry{}, false, leadsOut(file, h.Name)
	}
	if isSparse(h) {
		return entry{}, false, fmt.Errorf("%s: %q in it is a sparse file, whose holes are not in it: no image archive has one. Pack it without --sparse", file, h.Name)
	}
	switch h.Typeflag {
	case tar.TypeReg:
		return entry{name: name, size: h.Size}, true, nil
	case tar.TypeSymlink, tar.TypeLink:
		to := h.Linkname
		if h.Typeflag == tar.TypeSymlink {
			if path.IsAbs(to) {
				return entry{}, false, leadsOut(file, h.Name+" -> "+to)
			}
			to = path.Join(path.Dir(name), to)
		}
		target, ok := cleanName(to)
		if !ok {
			return entry{}, false, leadsOut(file, h.Name+" -> "+h.Linkname)
		}
		return entry{name: name, link: target}, true, nil
	case tar.TypeDir, tar.TypeXGlobalHeader:
		return entry{}, false, nil
	}
	return entry{}, false, fmt.Errorf("%s: %q in it is a device or a pipe, which no image archive has", file, h.Name)
}

// isSparse tells whether a file's size is not that of what the archive has of it: a few bytes could stand for more than ever ends.
func isSparse(h *tar.Header) bool {
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

func leadsOut(file, name string) error {
	return fmt.Errorf("%s: %q in it leads out of the archive: it is refused. Get the archive from someone you trust", file, name)
}

// cleanName cleans a name in an archive, and tells whether it stays in there.
func cleanName(name string) (string, bool) {
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
		return archives.Explain(dir, 1, visit(entry{name: name, size: info.Size()}, stream.NewReader(ctx, f)))
	})
}

// layoutName tells a layout's own files from what else lies in the directory.
func layoutName(name string) bool {
	return name == "oci-layout" || name == "index.json" || strings.HasPrefix(name, "blobs/")
}

// unpack gives the tar stream in a file.
func unpack(file string, f io.Reader) (io.ReadCloser, error) {
	r := bufio.NewReaderSize(f, 1<<16)
	head, err := r.Peek(stream.HeadSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(head) == 0 {
		return nil, fmt.Errorf("%s: the file is empty. Copy or save it again", file)
	}
	how := stream.CompressionOf(head)
	if how.Name == "xz" {
		return nil, fmt.Errorf("%s: it is compressed with xz, which is not read here. Unpack it first: xz -dk %s", file, file)
	}
	plain, err := how.Unpack(r)
	if err != nil {
		return nil, archives.Explain(file, 1, stream.MarkRead(err))
	}
	return plain, nil
}
