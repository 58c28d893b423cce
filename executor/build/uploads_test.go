package build

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tonistiigi/fsutil"
	"golang.org/x/sys/unix"

	"github.com/fairlead-dev/fairlead/spec"
)

// localOf reads a build of a directory, and prepares it for the builder.
func localOf(t *testing.T, dir, cacheDir string) (*Local, string) {
	t.Helper()
	r := mustRead(t, spec.Build{Context: dir, Inline: "FROM scratch\nCOPY . /\n"}, Options{CacheDir: cacheDir})
	key, err := r.Local.Prepare(t.Context(), cacheDir)
	must(t, err)
	return r.Local, key
}

// The builder's copy is used again only where nothing in it can be taken for what is there now: whatever was read, planned, sent or lost in between.
func TestKeysOfUploads(t *testing.T) {
	keep := func(t *testing.T, at string, change func()) {
		t.Helper()
		old, err := os.Lstat(at)
		must(t, err)
		change()
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, at, []unix.Timespec{unix.NsecToTimespec(old.ModTime().UnixNano()), unix.NsecToTimespec(old.ModTime().UnixNano())}, unix.AT_SYMLINK_NOFOLLOW))
	}
	for name, tt := range map[string]struct {
		change func(t *testing.T, dir string)
		same   bool
	}{
		"nothing": {func(*testing.T, string) {}, true},
		"edited": {func(t *testing.T, dir string) {
			write(t, dir, "a", "2")
			must(t, os.Chtimes(dir+"/a", time.Time{}, time.Unix(5, 0)))
		}, true},
		"longer":           {func(t *testing.T, dir string) { keep(t, dir+"/a", func() { write(t, dir, "a", "11") }) }, true},
		"new":              {func(t *testing.T, dir string) { write(t, dir, "new", "2") }, true},
		"gone":             {func(t *testing.T, dir string) { must(t, os.Remove(dir+"/a")) }, true},
		"size, mtime kept": {func(t *testing.T, dir string) { keep(t, dir+"/a", func() { write(t, dir, "a", "2") }) }, false},
		"another inode": {func(t *testing.T, dir string) {
			keep(t, dir+"/a", func() { write(t, dir, "b", "2"); must(t, os.Rename(dir+"/b", dir+"/a")) })
		}, false},
		"an attribute": {func(t *testing.T, dir string) { must(t, unix.Setxattr(dir+"/a", "user.x", []byte("y"), 0)) }, false},
		"a link's name": {func(t *testing.T, dir string) {
			keep(t, dir+"/link", func() { must(t, os.Remove(dir+"/link")); must(t, os.Symlink("y", dir+"/link")) })
		}, false},
		"a hard link": {func(t *testing.T, dir string) { keep(t, dir+"/hard", func() { write(t, dir, "hard", "2") }) }, false},
		"a directory": {func(t *testing.T, dir string) {
			keep(t, dir+"/d/a", func() {
				must(t, os.Rename(dir+"/d", filepath.Join(filepath.Dir(dir), "old")))
				write(t, dir, "d/a", "2")
			})
		}, false},
		"there and back": {func(t *testing.T, dir string) {
			at := dir + "/a"
			old, err := os.Stat(at)
			must(t, err)
			write(t, dir, "a", "2")
			localOf(t, dir, filepath.Join(filepath.Dir(dir), "cache")) // planned, and perhaps sent
			write(t, dir, "a", "3")
			must(t, os.Chtimes(at, old.ModTime(), old.ModTime()))
		}, false},
		"the note is lost":    {func(t *testing.T, dir string) { must(t, os.RemoveAll(filepath.Join(filepath.Dir(dir), "cache"))) }, false},
		"the note is damaged": {func(t *testing.T, dir string) { damage(t, filepath.Join(filepath.Dir(dir), "cache")) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			dir, cacheDir := filepath.Join(root, "context"), filepath.Join(root, "cache")
			for _, f := range []string{"a", "d/a", "x", "y"} {
				write(t, dir, f, "1")
			}
			must(t, os.Symlink("x", dir+"/link"))
			must(t, os.Link(dir+"/x", dir+"/hard"))
			_, before := localOf(t, dir, cacheDir)
			tt.change(t, dir)
			if _, after := localOf(t, dir, cacheDir); (before == after) != tt.same {
				t.Errorf("the key is the same: %v; want %v", before == after, tt.same)
			}
		})
	}
}

func damage(t *testing.T, cacheDir string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(cacheDir, "sent-*"))
	must(t, err)
	for _, at := range all {
		if b, err := os.ReadFile(at); err == nil && len(b) > 0 {
			b[len(b)-1] ^= 1
			must(t, os.WriteFile(at, b, 0o600))
		}
	}
}

// What is noted is bounded by what is there.
func TestNotesOfUploadsAreBounded(t *testing.T) {
	u := &uploads{sent: map[mark]mark{}}
	for i := range 100_000 {
		if _, ok := u.take(map[mark]mark{markOf("%d", i): {}}); !ok {
			if len(u.sent) > 2*stale*1000 {
				t.Errorf("%d are noted", len(u.sent))
			}
			return
		}
	}
	t.Error("it never begins anew")
}

// The builder is sent the entries that were hashed, as fsutil would send them, with links between the names of a file.
func TestDirectoryIsWhatWasHashed(t *testing.T) {
	dir := corpusTree(t)
	write(t, dir, "a-b", "")
	write(t, dir, "a.b/c", "")
	walk := func(f fsutil.FS) (out []string) {
		t.Helper()
		must(t, fsutil.WithHardlinkReset(f).Walk(t.Context(), "/", func(path string, e fs.DirEntry, err error) error {
			must(t, err)
			info, err := e.Info()
			must(t, err)
			st := *info.(*fsutil.StatInfo)
			st.Uid, st.Gid = 0, 0
			out = append(out, st.String())
			return nil
		}))
		return out
	}
	plain, err := fsutil.NewFS(dir)
	must(t, err)
	l, _ := localOf(t, dir, "")
	if diff := cmp.Diff(walk(plain), walk(l.Dirs[""])); diff != "" {
		t.Error("(-fsutil +ours):", diff)
	}
	for _, paths := range [][]string{{"src"}, {"link-dir/lib"}, {"src*/main.go", "docs/img"}, {"nowhere"}} {
		filtered := func(f fsutil.FS) []string {
			f, err := fsutil.NewFilterFS(f, &fsutil.FilterOpt{FollowPaths: paths, ExcludePatterns: []string{"**/*.tmp"}})
			must(t, err)
			return walk(f)
		}
		if diff := cmp.Diff(filtered(plain), filtered(l.Dirs[""])); diff != "" {
			t.Errorf("%v (-fsutil +ours): %s", paths, diff)
		}
	}
}

// Files of two file systems are never taken for one, whatever numbers these give them.
func TestLinksStayOnTheirFileSystem(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount")
	}
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		at := filepath.Join(dir, name)
		must(t, os.Mkdir(at, 0o755))
		must(t, unix.Mount("tmpfs", at, "tmpfs", 0, "size=64k"))
		t.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) })
		write(t, at, "f", name)
		must(t, os.Link(at+"/f", at+"/g"))
	}
	l, _ := localOf(t, dir, "")
	got := map[string]string{}
	for _, f := range l.Dirs[""].files {
		if !f.IsDir() {
			got[f.Path] = f.Linkname
		}
	}
	if diff := cmp.Diff(map[string]string{"a/f": "", "a/g": "a/f", "b/f": "", "b/g": "b/f"}, got); diff != "" {
		t.Error("(-want +got):", diff)
	}
}

// Content that changes after it was hashed is never sent as if it were what was hashed, and the error names the file.
func TestChangedWhileItIsSent(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(dir string) error
		want   string
		early  bool // it is seen when all is prepared, and after that what was hashed is sent
	}{
		"content":              {func(dir string) error { return os.WriteFile(dir+"/a", []byte("2"), 0o644) }, "a: its content changed since it was hashed, so nothing is built from it. Plan again", false},
		"shorter":              {func(dir string) error { return os.Truncate(dir+"/a", 0) }, "its content changed", false},
		"longer":               {func(dir string) error { return os.WriteFile(dir+"/a", []byte("11"), 0o644) }, "its content changed", false},
		"gone":                 {func(dir string) error { return os.Remove(dir + "/a") }, "a: it is gone since it was hashed", true},
		"mode":                 {func(dir string) error { return os.Chmod(dir+"/a", 0o755) }, "a: it is another kind of file, or has other permissions", true},
		"a link":               {func(dir string) error { return errors.Join(os.Remove(dir+"/a"), os.Symlink("b", dir+"/a")) }, "another kind of file", true},
		"a FIFO":               {func(dir string) error { return errors.Join(os.Remove(dir+"/a"), unix.Mkfifo(dir+"/a", 0o644)) }, "another kind of file", true},
		"a name with newlines": {func(dir string) error { return os.Remove(dir + "/n\n\x1b[2J") }, `/n\n\x1b[2J": it is gone`, true},
	} {
		for _, prepared := range []bool{true, false} {
			dir := t.TempDir()
			write(t, dir, "a", "1")
			write(t, dir, "b", "1")
			write(t, dir, "n\n\x1b[2J", "1")
			r := mustRead(t, spec.Build{Context: dir, Inline: "FROM scratch\nCOPY . /\n"}, Options{})
			var err error
			if !prepared {
				must(t, tt.change(dir))
			}
			if _, err = r.Local.Prepare(t.Context(), ""); err == nil && prepared {
				must(t, tt.change(dir))
			}
			if err == nil {
				err = readAll(t.Context(), r.Local.Dirs[""])
				if said := r.Local.Err(); !errors.Is(err, said) {
					t.Errorf("%s: reading gives %v, and Err %v", name, err, said)
				}
			}
			switch {
			case prepared && tt.early && name == "mode" && err == nil:
			case err == nil:
				t.Errorf("%s, prepared %v: it isn't seen", name, prepared)
			case (!prepared || !tt.early) && !strings.Contains(err.Error(), tt.want):
				t.Errorf("%s: %v; want %s", name, err, tt.want)
			}
		}
	}
}

func readAll(ctx context.Context, f fsutil.FS) error {
	return f.Walk(ctx, "/", func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		r, err := f.Open(path)
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.Copy(io.Discard, r)
		return err
	})
}

// The same of a tar file.
func TestTarChangedWhileItIsSent(t *testing.T) {
	at := filepath.Join(t.TempDir(), "c.tar")
	must(t, os.WriteFile(at, []byte("one"), 0o644))
	digest, err := fileDigest(t.Context(), at, Options{})
	must(t, err)
	l := &Local{Tar: &File{path: at, digest: digest}}
	for _, text := range []string{"one", "two"} {
		must(t, os.WriteFile(at, []byte(text), 0o644))
		f, err := l.Tar.Open()
		must(t, err)
		_, err = io.Copy(io.Discard, f)
		f.Close()
		if (err == nil) != (text == "one") || (l.Err() == nil) != (text == "one") {
			t.Errorf("%s: %v, %v", text, err, l.Err())
		}
	}
}
