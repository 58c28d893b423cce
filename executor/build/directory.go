package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
	"golang.org/x/sys/unix"

	"github.com/fairlead-dev/fairlead/executor/stream"
)

// Directory is a directory as it was hashed, in the form that the builder's client sends: the entries that were hashed and no others. Content
// that isn't what was hashed ends the sending with an error.
type Directory struct {
	root   string // without symbolic links
	top    *dir
	ignore []byte // text of the ignore file that was in force; nil: there was none

	include []string // patterns of what the Dockerfile takes of it; nil: all
	none    bool     // it takes nothing
	failed  failure
	files   []file // in the order of fsutil.ComparePath; nil: not prepared
}

// file is one entry of it.
type file struct {
	*types.Stat
	value string // as in planner.Input
}

// failure is the first error of several goroutines.
type failure struct{ first atomic.Pointer[error] }

func (f *failure) set(err error) error {
	f.first.CompareAndSwap(nil, &err)
	return *f.first.Load()
}

// prepare takes from disk what is sent of each entry but its content.
func (d *Directory) prepare(ctx context.Context) error {
	var all []*entry
	d.top.eachInput(func(e *entry) { all = append(all, e) })
	slices.SortFunc(all, func(a, b *entry) int { return fsutil.ComparePath(a.path, b.path) })
	d.files = make([]file, 0, len(all))
	first := map[inode]string{} // path of its first name
	for _, e := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		st, err := d.stat(e, first)
		if err != nil {
			return err
		}
		d.files = append(d.files, file{st, e.value})
	}
	return nil
}

// inode is a file, whatever its names. Inodes of two file systems, of which one is mounted in the other, have the same numbers.
type inode struct{ device, number uint64 }

// stat is what the builder is told of an entry. Further names of a file are links to the first, as fsutil has them.
func (d *Directory) stat(e *entry, first map[inode]string) (*types.Stat, error) {
	at := filepath.Join(d.root, e.path)
	var now unix.Stat_t
	err := unix.Lstat(at, &now)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, changedSince(at, "it is gone")
	}
	if err != nil {
		return nil, stream.Unreadable(at, err)
	}
	is, err := describe(at, &now)
	if err == nil && is == "" { // a regular file, whose content is seen when it is sent
		var attrs string
		attrs, err = attributes(at)
		is = fmt.Sprintf("%04o %s%s", now.Mode&0o7777, contentOf(e.value), attrs)
	}
	if err != nil {
		return nil, stream.Unreadable(at, err)
	}
	if is != e.value {
		return nil, changedSince(at, "it is another kind of file, or has other permissions or attributes")
	}
	st, err := fsutil.Stat(at)
	if err != nil {
		return nil, stream.Unreadable(at, err)
	}
	st.Path, st.Uid, st.Gid = e.path, 0, 0
	if now.Mode&unix.S_IFMT == unix.S_IFDIR {
		return st, nil
	}
	file := inode{uint64(now.Dev), now.Ino}
	if to, ok := first[file]; ok && now.Nlink > 1 {
		st.Linkname = to
	} else {
		first[file] = e.path
	}
	return st, nil
}

// contentOf takes the digest out of a regular file's value; "" for what isn't one.
func contentOf(value string) string {
	for _, word := range strings.Fields(value) {
		if strings.HasPrefix(word, "sha256:") {
			return word
		}
	}
	return ""
}

// changedSince says that a file isn't what the plan saw.
func changedSince(at, how string) error {
	return fmt.Errorf("%s: %s since it was hashed, so nothing is built from it. Plan again", shownPath(at), how)
}

// Walk implements fsutil.FS over what was hashed.
func (d *Directory) Walk(ctx context.Context, target string, fn fs.WalkDirFunc) error {
	target = strings.TrimPrefix(filepath.Join("/", target), "/")
	skip := "" // with a slash: what is in this directory
	for i := range d.files {
		f := d.files[i]
		if target != "" && f.Path != target && !strings.HasPrefix(f.Path, target+"/") {
			continue
		}
		if skip != "" && strings.HasPrefix(f.Path, skip) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		skip = ""
		err := fn(f.Path, &fsutil.DirEntryInfo{Stat: f.Clone()}, nil)
		switch {
		case errors.Is(err, filepath.SkipDir) && f.IsDir():
			skip = f.Path + "/"
		case errors.Is(err, filepath.SkipDir):
			if skip = filepath.Dir(f.Path) + "/"; skip == "./" {
				return nil
			}
		case errors.Is(err, filepath.SkipAll):
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

// Open implements fsutil.FS. The client sends nothing, and no error, where a file can't be opened: it is reading that fails here.
func (d *Directory) Open(path string) (io.ReadCloser, error) {
	i, ok := slices.BinarySearchFunc(d.files, path, func(f file, path string) int { return fsutil.ComparePath(f.Path, path) })
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	at, want := filepath.Join(d.root, path), contentOf(d.files[i].value)
	c := &checkedReader{name: at, want: want, sum: sha256.New(), failed: &d.failed}
	if want == digestOf(nil) { // or a socket, which can't be opened
		c.file = io.NopCloser(bytes.NewReader(nil))
		return c, nil
	}
	fd, err := unix.Open(at, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		c.file = io.NopCloser(failingReader{d.failed.set(stream.Unreadable(at, err))})
		return c, nil
	}
	c.file = os.NewFile(uintptr(fd), at)
	return c, nil
}

// failingReader is a file that can't be read.
type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// checkedReader reads a file, and fails at its end if it wasn't what was hashed.
type checkedReader struct {
	file   io.ReadCloser
	name   string
	want   string
	sum    hash.Hash
	failed *failure
}

func (c *checkedReader) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	c.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && "sha256:"+hex.EncodeToString(c.sum.Sum(nil)) != c.want {
		err = c.failed.set(changedSince(c.name, "its content changed"))
	}
	return n, err
}

func (c *checkedReader) Close() error { return c.file.Close() }
