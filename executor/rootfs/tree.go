package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/sys/mountinfo"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/fairlead-dev/fairlead/executor/statcache"
	"github.com/fairlead-dev/fairlead/executor/stream"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// tree is a root filesystem in a directory. What is taken from it is what `tar -C DIR -c .` takes, but for
// fairlead's lock file, at any depth.
type tree struct {
	dir   string // without symbolic links
	cache *digestCache
}

// node is one entry of a tree.
type node struct {
	name string // in the tree, with slashes; the tree itself is "."
	path string
	at   unix.Stat_t
	link string // target of a symbolic link
	same string // name of an earlier entry that is the same file
}

func (n node) kind() uint32 { return n.at.Mode & unix.S_IFMT }

func (n node) isFile() bool { return n.kind() == unix.S_IFREG && n.same == "" }

func newTree(dir string, cache *digestCache, own []spec.OwnFile) (tree, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return tree{}, unreadable(dir, err)
	}
	for _, f := range own {
		if rel, inside := f.Inside(dir); inside {
			return tree{}, fmt.Errorf("%s: fairlead itself writes it, so each plan would be followed by another import. %s", filepath.Join(dir, rel), f.Advice)
		}
	}
	return tree{dir, cache}, nil
}

// walk visits all of a tree, each directory before what is in it, in the order of names.
func (t tree) walk(ctx context.Context, visit func(node) error) error {
	if err := t.checkNoMounts(); err != nil {
		return err
	}
	links := firstNames{}
	entries := 0
	err := filepath.WalkDir(t.dir, func(file string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return t.unreadable(file, err)
		}
		n := node{path: file, name: "."}
		if file != t.dir {
			n.name = filepath.ToSlash(strings.TrimPrefix(strings.TrimPrefix(file, t.dir), "/"))
		}
		if err := unix.Lstat(file, &n.at); err != nil {
			return t.unreadable(file, err)
		}
		if n.kind() != unix.S_IFDIR && filepath.Base(file) == spec.LockFile {
			return nil // an apply writes it before it imports, so it can't be of what is imported
		}
		if file != t.dir {
			entries++
		}
		if err := checkName(t.dir, n.name); err != nil {
			return err
		}
		if n.kind() == unix.S_IFCHR && n.at.Rdev == 0 {
			return whiteoutDevice(t.dir, n.name)
		}
		switch n.kind() {
		case unix.S_IFSOCK: // means nothing without whoever listens
			return nil
		case unix.S_IFLNK:
			if n.link, err = os.Readlink(file); err != nil {
				return t.unreadable(file, err)
			}
		}
		n.same = links.firstName(n)
		return visit(n)
	})
	if err == nil && entries == 0 {
		return emptySource(t.dir)
	}
	return err
}

// firstNames has, by device and inode, the name under which a file with several was seen first.
type firstNames map[[2]uint64]string

// firstName gives that name; "" for a file that has one name, or is seen for the first time.
func (l firstNames) firstName(n node) string {
	if n.kind() == unix.S_IFDIR || n.at.Nlink < 2 {
		return ""
	}
	id := [2]uint64{n.at.Dev, n.at.Ino}
	first := l[id]
	if first == "" {
		l[id] = n.name
	}
	return first
}

// checkNoMounts refuses a tree in which something is mounted, such as /proc: it isn't of the tree, and what it covers can't be seen.
func (t tree) checkNoMounts() error {
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(t.dir))
	if err != nil {
		return fmt.Errorf("%s: what is mounted in it cannot be told: %w", t.dir, err)
	}
	for _, m := range mounts {
		if m.Mountpoint != t.dir {
			return fmt.Errorf("%s: something is mounted in it. Unmount it first: umount %s", t.dir, m.Mountpoint)
		}
	}
	return nil
}

// unreadable says which file of a tree cannot be read. One that was there just now is gone.
func (t tree) unreadable(file string, err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return changedMeanwhile(t.dir)
	}
	return unreadable(file, err)
}

func (t tree) inputs(ctx context.Context) (planner.Inputs, error) {
	var in planner.Inputs
	err := t.walk(ctx, func(n node) error {
		value, err := t.describe(ctx, n)
		in = append(in, planner.Input{Kind: planner.InputFile, Name: n.name, Value: value})
		return err
	})
	if err != nil {
		return nil, err
	}
	t.cache.save()
	return in, nil
}

// kinds name what a tree may have, and say what of it counts besides mode and owner.
var kinds = map[uint32]struct {
	name string
	more func(node) string
}{
	unix.S_IFREG: {"file", func(node) string { return "" }},
	unix.S_IFDIR: {"directory", func(node) string { return "" }},
	unix.S_IFIFO: {"pipe", func(node) string { return "" }},
	unix.S_IFLNK: {"link", func(n node) string { return " -> " + n.link }},
	unix.S_IFCHR: {"character device", device},
	unix.S_IFBLK: {"block device", device},
}

func device(n node) string {
	return fmt.Sprintf(" %d:%d", unix.Major(n.at.Rdev), unix.Minor(n.at.Rdev))
}

// describe says all of an entry that counts. Times don't: who touches a file changes nothing.
func (t tree) describe(ctx context.Context, n node) (string, error) {
	if n.same != "" {
		return "the same file as " + n.same, nil
	}
	k := kinds[n.kind()]
	value := fmt.Sprintf("%s %04o %d:%d%s", k.name, n.at.Mode&0o7777, n.at.Uid, n.at.Gid, k.more(n))
	if n.kind() != unix.S_IFREG {
		return value, nil
	}
	known, ok := t.cache.recall(n.name, n.at)
	if !ok {
		sum := digest.Canonical.Digester()
		err := t.content(ctx, n, func(attrs xattrs, r *stream.Reader) error {
			_, err := io.Copy(sum.Hash(), r)
			known = sum.Digest().String() + attrs.String()
			return err
		})
		if err != nil {
			return "", err
		}
	}
	t.cache.remember(n.name, n.at, known, ok)
	return value + " " + known, nil
}

// content opens a file and hands it on with its extended attributes. One that isn't the entry that the walk found, or doesn't stay
// so until its end, is an error.
func (t tree) content(ctx context.Context, n node, read func(xattrs, *stream.Reader) error) error {
	f, err := os.OpenFile(n.path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return t.unreadable(n.path, err)
	}
	defer f.Close()
	if err := t.checkUnmoved(n, f); err != nil {
		return err
	}
	attrs, err := xattrsOf(f)
	if err != nil {
		return t.unreadable(n.path, err)
	}
	in := stream.NewReader(ctx, io.LimitReader(f, n.at.Size))
	if err := read(attrs, in); err != nil {
		return tarFiles.Explain(n.path, 1, err)
	}
	if in.Done != n.at.Size {
		return changedMeanwhile(n.path)
	}
	return t.checkUnmoved(n, f)
}

func (t tree) checkUnmoved(n node, f *os.File) error {
	at, err := fstat(f)
	if err != nil {
		return t.unreadable(n.path, err)
	}
	if statcache.StampOf(&at) != statcache.StampOf(&n.at) {
		return changedMeanwhile(n.path)
	}
	return nil
}
