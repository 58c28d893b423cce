package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/fairlead-dev/fairlead/executor/statcache"
	"github.com/fairlead-dev/fairlead/executor/stream"
)

// describe says what an entry is, for all but a regular file, whose content must be read: "" then. Owner and times are no part
// of it: BuildKit's client sets the owner to 0, and its cache takes no notice of times.
func describe(at string, st *unix.Stat_t) (string, error) {
	perm := st.Mode & 0o7777
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "", nil
	case unix.S_IFDIR:
		attrs, err := attributes(at)
		return fmt.Sprintf("%04o dir%s", perm, attrs), err
	case unix.S_IFLNK:
		target, err := os.Readlink(at)
		return "-> " + target, err
	case unix.S_IFSOCK: // it is sent as a file with nothing in it
		return fmt.Sprintf("%04o %s", perm, digestOf(nil)), nil
	case unix.S_IFIFO:
		return fmt.Sprintf("%04o fifo", perm), nil
	case unix.S_IFCHR:
		return fmt.Sprintf("%04o char %d:%d", perm, unix.Major(st.Rdev), unix.Minor(st.Rdev)), nil
	}
	return fmt.Sprintf("%04o block %d:%d", perm, unix.Major(st.Rdev), unix.Minor(st.Rdev)), nil
}

// attributes are a hash of an entry's extended attributes, which BuildKit sends too, with a space before it; "" for none.
func attributes(at string) (string, error) {
	size, err := unix.Llistxattr(at, nil)
	if errors.Is(err, unix.ENOTSUP) || (err == nil && size == 0) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	list := make([]byte, size)
	if size, err = unix.Llistxattr(at, list); err != nil {
		return "", err
	}
	names := strings.FieldsFunc(string(list[:size]), func(r rune) bool { return r == 0 })
	slices.Sort(names)
	sum, some := sha256.New(), false
	for _, n := range names {
		if strings.HasPrefix(n, "com.apple.") { // as fsutil leaves them out
			continue
		}
		value := make([]byte, 64<<10) // XATTR_SIZE_MAX
		size, err := unix.Lgetxattr(at, n, value)
		if err != nil {
			continue // one that may not be read isn't sent either
		}
		some = true
		fmt.Fprintf(sum, "%d:%s%d:%s", len(n), n, size, value[:size])
	}
	if !some {
		return "", nil
	}
	return " xattrs sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

// hashUnread reads the files that the cache doesn't know, as many at a time as there are processors, each with one buffer.
func (t *tree) hashUnread(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), len(t.unread)) {
		g.Go(func() error {
			h := newHasher(t.progress)
			for i := next.Add(1) - 1; i < int64(len(t.unread)); i = next.Add(1) - 1 {
				e := t.unread[i]
				if err := h.read(ctx, t.root, e); err != nil {
					return err
				}
				if t.taken.isUnpacked(e.path) && !e.out {
					if err := unpackable(ctx, filepath.Join(t.root, e.path)); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// hasher reads files, one after another.
type hasher struct {
	sum      hash.Hash
	buf      []byte
	progress *hashProgress
}

func newHasher(t *hashProgress) *hasher {
	return &hasher{sum: sha256.New(), buf: make([]byte, 128<<10), progress: t}
}

// read gives a file its value. One that changes meanwhile is taken as it was read, and is read again next time.
func (h *hasher) read(ctx context.Context, root string, e *entry) error {
	at := filepath.Join(root, e.path)
	fd, err := unix.Open(at, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		e.out = true // gone since its directory was read
		return nil
	}
	if err != nil {
		return stream.Unreadable(at, err)
	}
	defer unix.Close(fd)
	h.sum.Reset()
	if err := h.copy(ctx, fd); err != nil {
		return stream.Unreadable(at, err)
	}
	attrs, err := attributes(at)
	if err != nil {
		return stream.Unreadable(at, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return stream.Unreadable(at, err)
	}
	if statcache.StampOf(&st) != e.stamp {
		e.stamp = statcache.Stamp{} // the cache keeps none without
	}
	value := make([]byte, 0, len("0644 sha256:")+2*sha256.Size+len(attrs))
	value = fmt.Appendf(value, "%04o sha256:", st.Mode&0o7777)
	value = hex.AppendEncode(value, h.sum.Sum(nil))
	e.value = string(append(value, attrs...))
	return nil
}

func (h *hasher) copy(ctx context.Context, fd int) error {
	for {
		n, err := unix.Read(fd, h.buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case n == 0:
			return nil
		}
		h.sum.Write(h.buf[:n])
		h.progress.add(n)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// fileDigest is the digest of one file, which the cache may know.
func fileDigest(ctx context.Context, at string, o Options) (string, error) {
	c, started := statcache.Open(o.CacheDir, at), time.Now()
	real, err := filepath.EvalSymlinks(at)
	if err != nil {
		return "", stream.Unreadable(at, err)
	}
	var st unix.Stat_t
	if err := unix.Lstat(real, &st); err != nil {
		return "", stream.Unreadable(at, err)
	}
	root, path := filepath.Split(real)
	e := entry{key: path, path: path, stamp: statcache.StampOf(&st)}
	known := c.Dir("")
	if found, ok := known.Find(path, e.stamp); ok {
		e.value, e.known = found.Value, true
	} else if err := newHasher(startProgress(o.Hashing, at, st.Size)).read(ctx, root, &e); err != nil {
		return "", err
	}
	if e.out {
		return "", stream.Unreadable(at, fs.ErrNotExist)
	}
	c.Save(started, (&dir{entries: []entry{e}}).eachRead)
	return strings.Fields(e.value)[1], nil // without its mode, which says nothing of what is in it
}
