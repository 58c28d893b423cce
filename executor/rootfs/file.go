package rootfs

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/fairlead-dev/fairlead/executor/statcache"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// tarFile is a root filesystem in a tar file.
type tarFile struct {
	path  string
	cache *digestCache
}

func (t tarFile) inputs(ctx context.Context) (planner.Inputs, error) {
	sum, known := "", false
	err := t.read(func(f *spec.RegularFile, at unix.Stat_t) error {
		if sum, known = t.cache.recall("", at); known {
			return nil
		}
		h := digest.Canonical.Digester()
		if err := verifyTar(ctx, t.path, io.TeeReader(f, h.Hash())); err != nil {
			return err
		}
		sum = h.Digest().String()
		return nil
	}, func(at unix.Stat_t) { t.cache.remember("", at, sum, known) })
	if err != nil {
		return nil, err
	}
	t.cache.save()
	return planner.Inputs{{Kind: planner.InputFile, Name: filepath.Base(t.path), Value: sum}}, nil
}

func (t tarFile) layer(ctx context.Context, w *sink, moved func(done, total int64)) (packed, error) {
	var p packed
	err := t.read(func(f *spec.RegularFile, at unix.Stat_t) (err error) {
		p, err = packTar(ctx, t.path, f, w, func(done int64) { moved(done, at.Size) })
		return err
	}, func(unix.Stat_t) {})
	return p, err
}

// read runs use on the file, and then whole if it stayed the same meanwhile.
func (t tarFile) read(use func(*spec.RegularFile, unix.Stat_t) error, whole func(unix.Stat_t)) error {
	f, err := spec.OpenRegular(t.path)
	if err != nil {
		return unreadable(t.path, err)
	}
	defer f.Close()
	before, err := fstat(f.File)
	if err != nil {
		return unreadable(t.path, err)
	}
	failed := use(f, before)
	after, err := fstat(f.File)
	if err != nil {
		return unreadable(t.path, err)
	}
	if statcache.StampOf(&before) != statcache.StampOf(&after) { // which may be why it failed
		return changedMeanwhile(t.path)
	}
	if failed == nil {
		whole(after)
	}
	return failed
}

func fstat(f *os.File) (unix.Stat_t, error) {
	var at unix.Stat_t
	err := unix.Fstat(int(f.Fd()), &at)
	return at, err
}
