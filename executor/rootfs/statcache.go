package rootfs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"io"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/log"
	"golang.org/x/sys/unix"

	"github.com/fairlead-dev/fairlead/spec"
)

// settled is how long a file must have been left alone before what was read of it is remembered: it could change again within one
// tick of the clock that its times are taken from.
const settled = 2 * time.Second

// seen is how a file is known to be as it was. Fields are exported for gob.
type seen struct {
	Inode              uint64
	Size, Mtime, Ctime int64 // bytes, and nanoseconds since 1970
	Mode, User, Group  uint32
}

func seenOf(at unix.Stat_t) seen {
	return seen{at.Ino, at.Size, at.Mtim.Nano(), at.Ctim.Nano(), at.Mode, at.Uid, at.Gid}
}

// memo is what was read of a file.
type memo struct {
	Seen  seen
	Value string
}

// statCache remembers what was read of the files below one path, in one file. It holds nothing that isn't read again if it is lost.
type statCache struct {
	file     string // "": it isn't kept
	old, new map[string]memo
	began    time.Time
}

// openCache opens the cache in dir for what lies at path. One that is damaged counts as empty.
func openCache(dir, path string) *statCache {
	c := &statCache{new: map[string]memo{}, began: time.Now()}
	if dir == "" {
		return c
	}
	sum := sha256.Sum256([]byte(path))
	c.file = filepath.Join(dir, "rootfs-"+hex.EncodeToString(sum[:16]))
	if b, err := os.ReadFile(c.file); err == nil {
		var old map[string]memo
		if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&old); err == nil {
			c.old = old
		}
	}
	return c
}

// recall gives what was read of a file, if it is as it was.
func (c *statCache) recall(name string, at unix.Stat_t) (string, bool) {
	m, ok := c.old[name]
	if !ok || m.Seen != seenOf(at) {
		return "", false
	}
	return m.Value, true
}

// remember notes what was read of a file, now or earlier.
func (c *statCache) remember(name string, at unix.Stat_t, value string) {
	late := c.began.Add(-settled).UnixNano()
	if at.Mtim.Nano() < late && at.Ctim.Nano() < late {
		c.new[name] = memo{seenOf(at), value}
	}
}

// save keeps what was remembered, whole or not at all. Without it the next reading takes longer, and that is all.
func (c *statCache) save(ctx context.Context) {
	if c.file == "" || maps.Equal(c.old, c.new) {
		return
	}
	if err := c.write(); err != nil {
		log.G(ctx).WithError(err).Debugf("%s: digests of files are not remembered", c.file)
	}
}

func (c *statCache) write() error {
	if err := os.MkdirAll(filepath.Dir(c.file), 0o700); err != nil {
		return err
	}
	return spec.ReplaceFile(c.file, 0o600, func(w io.Writer) error { return gob.NewEncoder(w).Encode(c.new) })
}
