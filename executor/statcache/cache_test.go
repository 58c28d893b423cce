package statcache

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"
	"time"
)

// A cache gives back what was put into it, and nothing of a file that has another stamp or was fresh when it was read.
func TestCacheGivesBack(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	old := Stamp{Size: 1, Mtime: now.Add(-Settled).UnixNano(), Inode: 7}
	fresh := Stamp{Size: 1, Mtime: now.UnixNano()}
	each := func(add func(string, Entry)) {
		add("", Entry{Path: "a", Stamp: old, Value: "1"})
		add("", Entry{Path: "c", Stamp: fresh, Value: "2"})
		add("b", Entry{Path: "b/d", Stamp: old, Value: "3"})
	}
	Open(dir, "k").Save(now, each)
	c := Open(dir, "k")
	var got []string
	top, below := c.Dir(""), c.Dir("b")
	for _, ask := range []struct {
		from  *Cursor
		path  string
		stamp Stamp
	}{{&top, "a", old}, {&top, "b", old}, {&top, "c", fresh}, {&below, "b/c", old}, {&below, "b/d", old}} {
		if e, ok := ask.from.Find(ask.path, ask.stamp); ok {
			got = append(got, e.Path+"="+e.Value)
		}
	}
	if want := []string{"a=1", "b/d=3"}; !slices.Equal(got, want) || c.Len() != 2 {
		t.Errorf("%q, %d in all; want %q", got, c.Len(), want)
	}
	top = c.Dir("")
	if _, ok := top.Find("a", Stamp{}); ok {
		t.Error("a file with another stamp is known")
	}
	if Open(dir, "other").Len() != 0 {
		t.Error("another key has the same cache")
	}
}

// A cache is bytes that anything may have happened to.
func FuzzCache(f *testing.F) {
	w := newWriter()
	w.add("", Entry{Path: "a", Value: "b", Stamp: Stamp{Size: 1}})
	w.add("d", Entry{Path: "d/e", Value: "f", Stamp: Stamp{Size: 2}})
	f.Add(w.bytes()[len(magic)+4:])
	f.Fuzz(func(_ *testing.T, body []byte) {
		b := binary.LittleEndian.AppendUint32([]byte(magic), crc32.Checksum(body, castagnoli))
		c := &Cache{}
		c.load(append(b, body...))
		for path := range c.dirs {
			r := c.Dir(path)
			r.Find(path+"/x", Stamp{})
			r.Find("\xff", Stamp{})
		}
	})
}
