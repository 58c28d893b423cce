package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/moby/patternmatcher"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/fairlead-dev/fairlead/executor/statcache"
	"github.com/fairlead-dev/fairlead/executor/stream"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// readTree gives an input for each entry of a directory that its ignore file lets through, named by its path with prefix before it.
func readTree(ctx context.Context, root string, ignore *rulesFile, taken *pathSet, prefix string, o Options) (*Directory, planner.Inputs, error) {
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, nil, stream.Unreadable(root, err)
	}
	if ignore == nil {
		if ignore, err = contextRules(real); err != nil {
			return nil, nil, err
		}
	}
	patterns, err := ignore.patterns()
	if err != nil {
		return nil, nil, err
	}
	top := &dir{}
	if !taken.all && len(taken.paths) == 0 {
		return &Directory{root: real, top: top, ignore: ignore.text, none: true}, nil, nil
	}
	include, err := taken.patterns(real)
	if err != nil {
		return nil, nil, err
	}
	if _, err = patternmatcher.New(include); err != nil {
		return nil, nil, fmt.Errorf("%s: a path that the Dockerfile takes of it cannot be read: %w", root, err)
	}
	t := &tree{root: real, exclude: patterns, include: include, taken: taken, cache: statcache.Open(o.CacheDir, root+"\x00"+ignore.own+taken.key()), started: time.Now()}
	if err := t.refuseOwnFiles(o.Own); err != nil {
		return nil, nil, err
	}
	if err := t.walk(ctx, top); err != nil {
		return nil, nil, err
	}
	t.progress = startProgress(o.Hashing, root, t.unreadBytes())
	if err := t.hashUnread(ctx); err != nil {
		return nil, nil, err
	}
	top.countInputs()
	t.cache.Save(t.started, top.eachRead)
	out := make(planner.Inputs, 0, top.size)
	top.eachInput(func(e *entry) {
		if err == nil {
			err = sendable(real, e)
		}
		out = append(out, planner.Input{Kind: planner.InputFile, Name: prefix + e.path, Value: e.value})
	})
	return &Directory{root: real, top: top, ignore: ignore.text, include: include}, out, err
}

// sendable fails for what the builder's client can't send: the protocol has no other text than UTF-8; and for what a layer can't hold.
func sendable(root string, e *entry) error {
	switch at := filepath.Join(root, e.path); {
	case strings.HasPrefix(path.Base(e.path), spec.WhiteoutPrefix):
		return fmt.Errorf("%s: its name begins with %s, by which image layers mark what is removed, so it would be gone in the image. Rename it, or leave it out by %s", shownPath(at), spec.WhiteoutPrefix, ignoreName)
	case !utf8.ValidString(e.path):
		return fmt.Errorf("%s: its name must be valid UTF-8, because the builder takes no other. Rename it, or leave it out by %s", shownPath(at), ignoreName)
	case !utf8.ValidString(e.value):
		return fmt.Errorf("%s: what it links to must be valid UTF-8, because the builder takes no other: it is %s. Make another link, or leave it out by %s", shownPath(at), shownPath(e.value[len("-> "):]), ignoreName)
	}
	return nil
}

// tree is one reading of a directory.
type tree struct {
	root     string
	exclude  []string
	include  []string
	taken    *pathSet
	cache    *statcache.Cache
	started  time.Time
	workers  sync.Pool // of *worker
	progress *hashProgress

	mu     sync.Mutex
	unread []*entry // files whose content is not known
}

// dir is a directory of the tree.
type dir struct {
	path    string // relative, with slashes; "" for the root
	match   matched
	entries []entry // sorted by key
	size    int     // how many inputs it gives
}

// entry is what a directory holds: a file, or a directory's own entry; or, with sub, what is in a directory. The two of a directory
// are apart because other names sort between them: a, a-b, a/c.
type entry struct {
	key   string // name; with a slash at its end for sub
	path  string // relative, with slashes
	value string // as in planner.Input
	stamp statcache.Stamp
	known bool // from the cache
	out   bool // it is a directory that is left out unless something in it isn't
	sub   *dir
}

// worker has what one goroutine needs to itself.
type worker struct {
	rules   *rules
	listing []byte
}

// walk reads a directory and all below it, several at a time.
func (t *tree) walk(ctx context.Context, top *dir) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	var visit func(d *dir) error
	visit = func(d *dir) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.readDir(d); err != nil {
			return err
		}
		for i := range d.entries {
			if sub := d.entries[i].sub; sub != nil && !g.TryGo(func() error { return visit(sub) }) {
				if err := visit(sub); err != nil {
					return err
				}
			}
		}
		return nil
	}
	g.Go(func() error { return visit(top) })
	return g.Wait()
}

// readDir reads one directory.
func (t *tree) readDir(d *dir) error {
	w, err := t.worker()
	if err != nil {
		return err
	}
	defer t.workers.Put(w)
	at := filepath.Join(t.root, d.path)
	fd, err := unix.Open(at, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil // gone since its parent was read
	}
	if err != nil {
		return stream.Unreadable(at, err)
	}
	defer unix.Close(fd)
	names, err := w.readNames(fd)
	if err != nil {
		return stream.Unreadable(at, err)
	}
	slices.SortFunc(names, func(a, b name) int { return strings.Compare(a.text, b.text) })
	d.entries = make([]entry, 0, len(names))
	known := t.cache.Dir(d.path)
	dirs := 0
	for _, n := range names {
		isDir, err := t.addName(d, w, fd, n, &known)
		if err != nil {
			return err
		}
		if isDir {
			dirs++
		}
	}
	if dirs > 0 {
		slices.SortFunc(d.entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	}
	t.noteUnread(d)
	return nil
}

func (t *tree) worker() (*worker, error) {
	if w, ok := t.workers.Get().(*worker); ok {
		return w, nil
	}
	r, err := newRules(t.exclude, t.include)
	return &worker{rules: r, listing: make([]byte, 32<<10)}, err
}

// take decides over one name of a directory and adds what it stands for.
func (t *tree) addName(d *dir, w *worker, fd int, n name, known *statcache.Cursor) (isDir bool, err error) {
	path := n.text
	if d.path != "" {
		path = d.path + "/" + n.text
	}
	var st unix.Stat_t
	if n.kind == unix.DT_UNKNOWN { // some file systems don't say
		if err := unix.Fstatat(fd, n.text, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return false, t.ignoreGone(path, err)
		}
		n.kind = uint8(st.Mode & unix.S_IFMT >> 12)
	}
	isDir = n.kind == unix.DT_DIR
	says, match, err := w.rules.judge(path, isDir, d.match)
	if err != nil {
		return false, fmt.Errorf("%s: %w", filepath.Join(t.root, path), err)
	}
	if says == passedOver || (says == leftOut && !isDir) {
		return false, nil
	}
	if err := unix.Fstatat(fd, n.text, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return false, t.ignoreGone(path, err)
	}
	e := entry{key: n.text, path: path, stamp: statcache.StampOf(&st), out: says == leftOut}
	if found, ok := known.Find(path, e.stamp); ok {
		e.path, e.value, e.known = found.Path, found.Value, true
	} else if e.value, err = describe(filepath.Join(t.root, path), &st); err != nil {
		return false, t.ignoreGone(path, err)
	}
	d.entries = append(d.entries, e)
	if isDir {
		d.entries = append(d.entries, entry{key: n.text + "/", sub: &dir{path: e.path, match: match}})
	}
	return isDir, nil
}

// ignoreGone forgives that an entry is gone since its directory was read.
func (t *tree) ignoreGone(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	return stream.Unreadable(filepath.Join(t.root, path), err)
}

// unreadBytes is the size of the files that must be read.
func (t *tree) unreadBytes() (n int64) {
	for _, e := range t.unread {
		n += e.stamp.Size
	}
	return n
}

// noteUnread collects the files that must be read. d.entries doesn't change any more.
func (t *tree) noteUnread(d *dir) {
	var unread []*entry
	for i := range d.entries {
		if e := &d.entries[i]; e.sub == nil && e.value == "" {
			unread = append(unread, e)
		}
	}
	if len(unread) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unread = append(t.unread, unread...)
}

// countInputs counts the inputs below a directory. A directory that the rules leave out is an input all the same if it holds one: the builder
// needs it as a parent.
func (d *dir) countInputs() int {
	d.size = 0
	for i := range d.entries {
		e := &d.entries[i]
		switch {
		case e.sub == nil && !e.out:
			d.size++
		case e.sub != nil && e.sub.countInputs() > 0:
			d.size += e.sub.size
			own := d.ownEntry(e)
			if own.out {
				own.out = false
				d.size++
			}
		}
	}
	return d.size
}

// ownEntry gives the entry of the directory itself, for the entry with what is in it.
func (d *dir) ownEntry(sub *entry) *entry {
	i, _ := slices.BinarySearchFunc(d.entries, strings.TrimSuffix(sub.key, "/"), func(e entry, key string) int { return cmp.Compare(e.key, key) })
	return &d.entries[i]
}

// eachInput calls f for each entry that is an input, in the order of their paths.
func (d *dir) eachInput(f func(*entry)) {
	for i := range d.entries {
		switch e := &d.entries[i]; {
		case e.sub != nil:
			e.sub.eachInput(f)
		case !e.out:
			f(e)
		}
	}
}

// eachRead calls add for each entry, and the directory that it is in, for the cache.
func (d *dir) eachRead(add func(dir string, e statcache.Entry)) {
	for i := range d.entries {
		if e := &d.entries[i]; e.sub == nil {
			add(d.path, statcache.Entry{Path: e.path, Stamp: e.stamp, Value: e.value, Known: e.known})
		}
	}
	for i := range d.entries {
		if sub := d.entries[i].sub; sub != nil {
			sub.eachRead(add)
		}
	}
}
