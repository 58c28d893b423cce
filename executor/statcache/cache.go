// Package statcache remembers what was read of files that haven't changed since, as their stat says.
package statcache

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

// A cache is one file for each context or root filesystem. It holds, in little endian:
//
//	magic, CRC-32C of all that follows,
//	for each directory: path, number and bytes of its entries,
//	  for each entry, sorted by path: stamp, path, value
//
// with a length of four bytes before each text. It may be lost at any time: what it lacks is read again.
const magic = "fairlead stat 1\n"

// Settled is how long a file must have been unchanged when it was read, to be known by its times later: within one tick of a file
// system's clock it could have been written again with the same times.
const Settled = 2 * time.Second

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Stamp is what stat says of a file: equal stamps, equal content.
type Stamp struct {
	Size, Mtime, Ctime int64 // bytes; nanoseconds
	Inode              uint64
	Mode               uint32
}

// StampOf takes a file's stamp.
func StampOf(st *unix.Stat_t) Stamp {
	return Stamp{st.Size, st.Mtim.Nano(), st.Ctim.Nano(), st.Ino, st.Mode}
}

// Entry is what was read of a file.
type Entry struct {
	Path  string
	Stamp Stamp
	Value string
	Known bool // from the cache
}

// Cache is what is known from the last time.
type Cache struct {
	file  string // "": nothing is kept
	text  string
	dirs  map[string]span
	count int // entries in it
}

// span is where the entries of one directory are.
type span struct{ from, to int }

// Open reads the cache in dir that has a key; with dir "" nothing is kept. One that is damaged is empty.
func Open(dir, key string) *Cache {
	if dir == "" {
		return &Cache{}
	}
	sum := sha256.Sum256([]byte(key))
	c := &Cache{file: filepath.Join(dir, hex.EncodeToString(sum[:]))}
	if b, err := os.ReadFile(c.file); err == nil {
		c.load(b)
	}
	return c
}

// load finds the directories in a cache's bytes.
func (c *Cache) load(b []byte) {
	head := len(magic) + 4
	if len(b) < head || string(b[:len(magic)]) != magic {
		return
	}
	if binary.LittleEndian.Uint32(b[len(magic):]) != crc32.Checksum(b[head:], castagnoli) {
		return
	}
	r := Cursor{text: string(b), at: head, to: len(b)}
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

// Len is how many files are known.
func (c *Cache) Len() int { return c.count }

// Dir gives the entries of a directory.
func (c *Cache) Dir(path string) Cursor {
	s := c.dirs[path]
	return Cursor{text: c.text, at: s.from, to: s.to}
}
