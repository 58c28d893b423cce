package statcache

// Cursor reads the entries of one directory, in their order.
type Cursor struct {
	text   string // of the file, which may be wrong
	at, to int
	bad    bool // it ended too early

	next    Entry
	waiting bool // next was read, and is for a path that is still to come
}

// Find gives what was read of a file, if its stamp is the same. Paths are asked for in their order.
func (r *Cursor) Find(path string, now Stamp) (Entry, bool) {
	for {
		if !r.waiting {
			if r.at >= r.to || r.bad {
				return Entry{}, false
			}
			r.next = r.entry()
			if r.bad {
				return Entry{}, false
			}
		}
		r.waiting = r.next.Path > path
		if r.waiting {
			return Entry{}, false
		}
		if r.next.Path == path {
			return r.next, r.next.Stamp == now
		}
	}
}

func (r *Cursor) entry() Entry {
	var s Stamp
	s.Size, s.Mtime, s.Ctime = int64(r.uint64()), int64(r.uint64()), int64(r.uint64())
	s.Inode, s.Mode = r.uint64(), uint32(r.uint32())
	return Entry{Stamp: s, Path: r.string(), Value: r.string(), Known: true}
}

// take moves over n bytes and gives where they begin; false where there are fewer.
func (r *Cursor) take(n int) (int, bool) {
	if r.bad || n > r.to-r.at {
		r.bad = true
		return 0, false
	}
	r.at += n
	return r.at - n, true
}

func (r *Cursor) uint64() uint64 {
	i, ok := r.take(8)
	if !ok {
		return 0
	}
	s := r.text[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func (r *Cursor) uint32() int {
	i, ok := r.take(4)
	if !ok {
		return 0
	}
	s := r.text[i : i+4]
	return int(uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24)
}

func (r *Cursor) string() string {
	n := r.uint32()
	i, ok := r.take(n)
	if !ok {
		return ""
	}
	return r.text[i : i+n]
}
