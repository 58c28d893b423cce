package build

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A stat cache is one file for each context: what its files were, and what stat said of them then. It holds, in little endian:
//
//	magic, CRC-32C of all that follows,
//	for each directory: path, number and bytes of its entries,
//	  for each entry, sorted by name: stamp, path, value
//
// with a length of four bytes before each text. It may be lost at any time: what it lacks is read again.
const cacheMagic = "fairlead stat 1\n"

// settled is how long a file must have been unchanged when it was hashed, to be known by its times later: within one tick of a file
// system's clock it could have been written again with the same times.
const settled = 2 * time.Second

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stamp is what stat says of an entry: equal stamps, equal content.
type stamp struct {
	size, mtime, ctime int64 // bytes; nanoseconds
	inode              uint64
	mode               uint32
}

func stampOf(st *unix.Stat_t) stamp {
	return stamp{st.Size, st.Mtim.Nano(), st.Ctim.Nano(), st.Ino, st.Mode}
}

// cache is what is known from the last time.
type cache struct {
	file  string // "": nothing is kept
	text  string
	dirs  map[string]span
	count int // entries in it
}

// span is where the entries of one directory are.
type span struct{ from, to int }

// openCache reads the cache of a context. One that is damaged is none.
func openCache(dir, key string) *cache {
	if dir == "" {
		return &cache{}
	}
	sum := sha256.Sum256([]byte(key))
	c := &cache{file: filepath.Join(dir, hex.EncodeToString(sum[:]))}
	if b, err := os.ReadFile(c.file); err == nil {
		c.load(b)
	}
	return c
}

// load finds the directories in a cache's bytes.
func (c *cache) load(b []byte) {
	head := len(cacheMagic) + 4
	if len(b) < head || string(b[:len(cacheMagic)]) != cacheMagic {
		return
	}
	if binary.LittleEndian.Uint32(b[len(cacheMagic):]) != crc32.Checksum(b[head:], castagnoli) {
		return
	}
	r := cursor{text: string(b), at: head, to: len(b)}
	dirs, count := map[string]span{}, 0
	for r.at < r.to {
		path, n, size := r.string(), r.uint32(), r.uint32()
		if r.bad || size > r.to-r.at {
			return
		}
		dirs[path] = span{r.at, r.at + size}
		count += n
		r.at += size
	}
	c.text, c.dirs, c.count = r.text, dirs, count
}

// at gives the entries of a directory.
func (c *cache) at(path string) cursor {
	s := c.dirs[path]
	return cursor{text: c.text, at: s.from, to: s.to}
}

// cursor reads the text of a cache, which may be wrong.
type cursor struct {
	text   string
	at, to int
	bad    bool // it ended too early

	next    entry
	waiting bool // next was read, and is for a name that is still to come
}

// find gives the entry of a path, if its stamp is the same. Paths are asked for in their order.
func (r *cursor) find(path string, now stamp) (entry, bool) {
	for {
		if !r.waiting {
			if r.at >= r.to || r.bad {
				return entry{}, false
			}
			r.next = r.entry()
			if r.bad {
				return entry{}, false
			}
		}
		r.waiting = r.next.path > path
		if r.waiting {
			return entry{}, false
		}
		if r.next.path == path {
			return r.next, r.next.stamp == now
		}
	}
}

func (r *cursor) entry() entry {
	var s stamp
	s.size, s.mtime, s.ctime = int64(r.uint64()), int64(r.uint64()), int64(r.uint64())
	s.inode, s.mode = r.uint64(), uint32(r.uint32())
	return entry{stamp: s, path: r.string(), value: r.string()}
}

// take moves over n bytes and gives where they begin; false where there are fewer.
func (r *cursor) take(n int) (int, bool) {
	if r.bad || n > r.to-r.at {
		r.bad = true
		return 0, false
	}
	r.at += n
	return r.at - n, true
}

func (r *cursor) uint64() uint64 {
	i, ok := r.take(8)
	if !ok {
		return 0
	}
	s := r.text[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func (r *cursor) uint32() int {
	i, ok := r.take(4)
	if !ok {
		return 0
	}
	s := r.text[i : i+4]
	return int(uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24)
}

func (r *cursor) string() string {
	n := r.uint32()
	i, ok := r.take(n)
	if !ok {
		return ""
	}
	return r.text[i : i+n]
}

// save writes the cache anew if it is not what is there. Where it cannot be written the next reading takes longer, and that is all.
func (c *cache) save(top *dir, started time.Time) {
	if c.file == "" {
		return
	}
	w := writer{limit: started.Add(-settled).UnixNano()}
	if known, fresh := w.count(top); fresh == 0 && known == c.count {
		return
	}
	w.b = append(w.b, cacheMagic...)
	w.b = append(w.b, 0, 0, 0, 0)
	w.dir(top)
	binary.LittleEndian.PutUint32(w.b[len(cacheMagic):], crc32.Checksum(w.b[len(cacheMagic)+4:], castagnoli))
	if err := os.MkdirAll(filepath.Dir(c.file), 0o700); err != nil {
		return
	}
	temporary := c.file + ".tmp" // two at once may spoil it, and the checksum tells
	if err := os.WriteFile(temporary, w.b, 0o600); err != nil || os.Rename(temporary, c.file) != nil {
		_ = os.Remove(temporary)
	}
}

// writer makes the bytes of a cache.
type writer struct {
	b     []byte
	limit int64 // entries changed since, in nanoseconds, are not kept
}

func (w *writer) keeps(e *entry) bool {
	return e.sub == nil && e.value != "" && e.stamp != (stamp{}) && max(e.stamp.mtime, e.stamp.ctime) <= w.limit
}

// count tells how many entries are kept that were in the cache before, and that were not.
func (w *writer) count(d *dir) (known, fresh int) {
	for i := range d.entries {
		e := &d.entries[i]
		switch {
		case e.sub != nil:
			k, f := w.count(e.sub)
			known, fresh = known+k, fresh+f
		case !w.keeps(e):
		case e.known:
			known++
		default:
			fresh++
		}
	}
	return known, fresh
}

func (w *writer) dir(d *dir) {
	w.text(d.path)
	head := len(w.b)
	w.b = append(w.b, 0, 0, 0, 0, 0, 0, 0, 0)
	n := 0
	for i := range d.entries {
		if e := &d.entries[i]; w.keeps(e) {
			w.entry(e)
			n++
		}
	}
	binary.LittleEndian.PutUint32(w.b[head:], uint32(n))
	binary.LittleEndian.PutUint32(w.b[head+4:], uint32(len(w.b)-head-8))
	for i := range d.entries {
		if sub := d.entries[i].sub; sub != nil {
			w.dir(sub)
		}
	}
}

func (w *writer) entry(e *entry) {
	for _, n := range []uint64{uint64(e.stamp.size), uint64(e.stamp.mtime), uint64(e.stamp.ctime), e.stamp.inode} {
		w.b = binary.LittleEndian.AppendUint64(w.b, n)
	}
	w.b = binary.LittleEndian.AppendUint32(w.b, e.stamp.mode)
	w.text(e.path)
	w.text(e.value)
}

func (w *writer) text(s string) {
	w.b = binary.LittleEndian.AppendUint32(w.b, uint32(len(s)))
	w.b = append(w.b, s...)
}
