package rootfs

import (
	"path"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fairlead-dev/fairlead/executor/statcache"
)

// digestCache remembers what was read of the files of one source.
type digestCache struct {
	cache   *statcache.Cache
	began   time.Time
	cursors map[string]*statcache.Cursor // by directory
	dirs    []string                     // with something that was read, in its order
	read    map[string][]statcache.Entry // by directory
}

func openCache(dir, source string) *digestCache {
	return &digestCache{cache: statcache.Open(dir, "rootfs\x00"+source), began: time.Now(),
		cursors: map[string]*statcache.Cursor{}, read: map[string][]statcache.Entry{}}
}

// recall gives what was read of a file, if it is as it was. Files are asked for in the order of their names.
func (c *digestCache) recall(name string, at unix.Stat_t) (string, bool) {
	dir := path.Dir(name)
	if c.cursors[dir] == nil {
		from := c.cache.Dir(dir)
		c.cursors[dir] = &from
	}
	e, ok := c.cursors[dir].Find(name, statcache.StampOf(&at))
	return e.Value, ok
}

// remember notes what was read of a file, now or, where it is known, earlier.
func (c *digestCache) remember(name string, at unix.Stat_t, value string, known bool) {
	dir := path.Dir(name)
	if c.read[dir] == nil {
		c.dirs = append(c.dirs, dir)
	}
	c.read[dir] = append(c.read[dir], statcache.Entry{Path: name, Stamp: statcache.StampOf(&at), Value: value, Known: known})
}

func (c *digestCache) save() {
	c.cache.Save(c.began, func(add func(string, statcache.Entry)) {
		for _, dir := range c.dirs {
			for _, e := range c.read[dir] {
				add(dir, e)
			}
		}
	})
}
