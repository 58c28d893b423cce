package statcache

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"

	"github.com/fairlead-dev/fairlead/spec"
)

// Save writes the cache anew, if that isn't what is there. each calls add for each entry, twice in the same order: those of a directory follow each
// other, sorted by path. started is when the reading began. Where the cache cannot be written the next reading takes longer, and that is all.
func (c *Cache) Save(started time.Time, each func(add func(dir string, e Entry))) {
	if c.file == "" {
		return
	}
	limit := started.Add(-Settled).UnixNano()
	kept := func(e Entry) bool {
		return e.Value != "" && e.Stamp != (Stamp{}) && max(e.Stamp.Mtime, e.Stamp.Ctime) <= limit
	}
	known, fresh := 0, 0
	each(func(_ string, e Entry) {
		switch {
		case !kept(e):
		case e.Known:
			known++
		default:
			fresh++
		}
	})
	if fresh == 0 && known == c.count {
		return
	}
	w := newWriter()
	each(func(dir string, e Entry) {
		if kept(e) {
			w.add(dir, e)
		}
	})
	if err := os.MkdirAll(filepath.Dir(c.file), 0o700); err == nil {
		_ = spec.ReplaceFile(c.file, 0o600, spec.Content(w.bytes()))
	}
}

// writer makes the bytes of a cache.
type writer struct {
	b       []byte
	dir     string // that is being written
	head    int    // where the number of its entries goes; 0: none is begun
	entries uint32
}

func newWriter() *writer { return &writer{b: append([]byte(magic), 0, 0, 0, 0)} }

func (w *writer) add(dir string, e Entry) {
	if w.head == 0 || dir != w.dir {
		w.endDir()
		w.text(dir)
		w.dir, w.head = dir, len(w.b)
		w.b = append(w.b, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	w.entries++
	for _, n := range []uint64{uint64(e.Stamp.Size), uint64(e.Stamp.Mtime), uint64(e.Stamp.Ctime), e.Stamp.Inode} {
		w.b = binary.LittleEndian.AppendUint64(w.b, n)
	}
	w.b = binary.LittleEndian.AppendUint32(w.b, e.Stamp.Mode)
	w.text(e.Path)
	w.text(e.Value)
}

func (w *writer) endDir() {
	if w.head > 0 {
		binary.LittleEndian.PutUint32(w.b[w.head:], w.entries)
		binary.LittleEndian.PutUint32(w.b[w.head+4:], uint32(len(w.b)-w.head-8))
	}
	w.entries = 0
}

func (w *writer) text(s string) {
	w.b = binary.LittleEndian.AppendUint32(w.b, uint32(len(s)))
	w.b = append(w.b, s...)
}

func (w *writer) bytes() []byte {
	w.endDir()
	binary.LittleEndian.PutUint32(w.b[len(magic):], crc32.Checksum(w.b[len(magic)+4:], castagnoli))
	return w.b
}
