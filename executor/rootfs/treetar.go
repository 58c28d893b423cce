package rootfs

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"github.com/fairlead-dev/fairlead/executor/stream"
)

// paxXattr is what the name of a tar's record for an extended attribute begins with.
const paxXattr = "SCHILY.xattr."

var typeflags = map[uint32]byte{
	unix.S_IFREG: tar.TypeReg,
	unix.S_IFDIR: tar.TypeDir,
	unix.S_IFIFO: tar.TypeFifo,
	unix.S_IFLNK: tar.TypeSymlink,
	unix.S_IFCHR: tar.TypeChar,
	unix.S_IFBLK: tar.TypeBlock,
}

// layer writes a tree as a tar, compressed with gzip.
func (t tree) layer(ctx context.Context, w *sink, moved func(done, total int64)) (packed, error) {
	var done, total int64
	err := t.walk(ctx, func(n node) error {
		if n.isFile() {
			total += n.at.Size
		}
		return nil
	})
	if err != nil {
		return packed{}, err
	}
	z, sum := gzip.NewWriter(w), digest.Canonical.Digester()
	tw := tar.NewWriter(io.MultiWriter(sum.Hash(), z))
	err = t.walk(ctx, func(n node) error {
		if !n.isFile() {
			return writeHeader(tw, n, nil)
		}
		return t.content(ctx, n, func(attrs xattrs, r *stream.Reader) error {
			if err := writeHeader(tw, n, attrs); err != nil {
				return err
			}
			r.Moved = func(at int64) { moved(done+at, total) }
			_, err := io.Copy(tw, r)
			done += r.Done
			return err
		})
	})
	if err == nil {
		err = tw.Close()
	}
	if err == nil {
		err = z.Close()
	}
	return packed{ocispec.MediaTypeImageLayerGzip, sum.Digest()}, err
}

func writeHeader(tw *tar.Writer, n node, attrs xattrs) error {
	if err := tw.WriteHeader(headerOf(n, attrs)); err != nil {
		return fmt.Errorf("%s: it cannot be packed: %w", n.path, err)
	}
	return nil
}

// headerOf is an entry's header in a tar. Owners are numbers, times whole seconds: the same tree makes the same tar.
func headerOf(n node, attrs xattrs) *tar.Header {
	h := &tar.Header{
		Name: n.name, Typeflag: typeflags[n.kind()], Linkname: n.link, Mode: int64(n.at.Mode & 0o7777),
		Uid: int(n.at.Uid), Gid: int(n.at.Gid), ModTime: time.Unix(n.at.Mtim.Sec, 0), PAXRecords: map[string]string{},
	}
	switch {
	case n.same != "":
		h.Typeflag, h.Linkname = tar.TypeLink, n.same
	case h.Typeflag == tar.TypeDir:
		h.Name += "/"
	case h.Typeflag == tar.TypeReg:
		h.Size = n.at.Size
	case h.Typeflag == tar.TypeChar, h.Typeflag == tar.TypeBlock:
		h.Devmajor, h.Devminor = int64(unix.Major(n.at.Rdev)), int64(unix.Minor(n.at.Rdev))
	}
	for name, value := range attrs {
		h.PAXRecords[paxXattr+name] = value
	}
	return h
}
