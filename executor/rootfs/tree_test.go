package rootfs

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/fairlead-dev/fairlead/executor/statcache"
	"github.com/fairlead-dev/fairlead/spec"
)

// capability is what setcap cap_net_raw+ep writes.
const capability = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// oddTree makes a directory with all that a root filesystem can have.
func oddTree(t testing.TB) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("devices need root")
	}
	dir := filepath.Join(t.TempDir(), "tree")
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, d := range []string{"bin", "dev", "tmp", "a", strings.Repeat("deep/", 30)} {
		check(t, os.MkdirAll(at(d), 0o755))
	}
	for name, body := range map[string]string{
		"bin/tool": "#!/bin/sh\n", "a/b": "1", "a.b": "2", "new\nline": "3", "\xff\xfe": "4", "ünï cödé \"quoted\"": "5", "tmp/empty": "",
		strings.Repeat("deep/", 30) + strings.Repeat("x", 200): "6", "owned": "7", "big": strings.Repeat("zeros", 1<<20),
	} {
		check(t, os.WriteFile(at(name), []byte(body), 0o644))
	}
	check(t, unix.Chmod(at("bin/tool"), 0o4755))
	check(t, unix.Chmod(at("tmp"), 0o1777))
	check(t, os.Lchown(at("owned"), 1000, 4_000_000))
	check(t, os.Symlink("../bin/tool", at("a/link")))
	check(t, os.Symlink("/nowhere", at("dangling")))
	check(t, os.Lchown(at("dangling"), 5, 6))
	check(t, os.Link(at("bin/tool"), at("zz-same")))
	check(t, os.Link(at("dangling"), at("dangling-too")))
	check(t, unix.Mknod(at("dev/null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	check(t, unix.Chmod(at("dev/null"), 0o666))
	check(t, unix.Mknod(at("dev/disk"), unix.S_IFBLK|0o660, int(unix.Mkdev(259, 300))))
	check(t, unix.Mkfifo(at("dev/pipe"), 0o600))
	check(t, unix.Setxattr(at("owned"), "security.capability", []byte(capability), 0))
	check(t, unix.Setxattr(at("owned"), "trusted.note", []byte("the host's"), 0))
	if err := unix.Setxattr(at("a/b"), "user.note", []byte("binary\x00\xff"), 0); err != nil && !errors.Is(err, unix.ENOTSUP) {
		t.Fatal(err)
	}
	l := must[net.Listener](t)(net.Listen("unix", at("dev/log")))
	t.Cleanup(func() { l.Close() })
	old := time.Date(2001, 2, 3, 4, 5, 6, 789, time.UTC)
	check(t, os.Chtimes(at("a/b"), old, old))
	return dir
}

// All that a directory has is in the tar, as it is there, in the order of names; a socket isn't.
func TestDirectoryIsPacked(t *testing.T) {
	dir := oddTree(t)
	got := map[string]*tar.Header{}
	var names []string
	for tr := tar.NewReader(bytes.NewReader(importAll(t, rootfs(dir)).tar)); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		check(t, err)
		names = append(names, h.Name)
		got[h.Name] = h
	}
	if !strings.HasPrefix(strings.Join(names, " "), "./ a/ a/b a/link a.b big bin/ bin/tool dangling dangling-too deep/ ") || got["dev/log"] != nil {
		t.Errorf("names: %q", names)
	}
	deep := strings.Repeat("deep/", 30) + strings.Repeat("x", 200)
	for name, want := range map[string]tar.Header{
		"./":           {Typeflag: tar.TypeDir, Mode: 0o755},
		"tmp/":         {Typeflag: tar.TypeDir, Mode: 0o1777},
		"bin/tool":     {Typeflag: tar.TypeReg, Mode: 0o4755, Size: 10},
		"zz-same":      {Typeflag: tar.TypeLink, Mode: 0o4755, Linkname: "bin/tool"},
		"a/link":       {Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: "../bin/tool"},
		"dangling":     {Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: "/nowhere", Uid: 5, Gid: 6},
		"dangling-too": {Typeflag: tar.TypeLink, Mode: 0o777, Linkname: "dangling", Uid: 5, Gid: 6},
		"dev/null":     {Typeflag: tar.TypeChar, Mode: 0o666, Devmajor: 1, Devminor: 3},
		"dev/disk":     {Typeflag: tar.TypeBlock, Devmajor: 259, Devminor: 300, Mode: 0o640},
		"dev/pipe":     {Typeflag: tar.TypeFifo, Mode: 0o600},
		"owned":        {Typeflag: tar.TypeReg, Mode: 0o644, Size: 1, Uid: 1000, Gid: 4_000_000},
		"new\nline":    {Typeflag: tar.TypeReg, Mode: 0o644, Size: 1},
		"\xff\xfe":     {Typeflag: tar.TypeReg, Mode: 0o644, Size: 1},
		deep:           {Typeflag: tar.TypeReg, Mode: 0o644, Size: 1},
	} {
		h := got[name]
		if h == nil {
			t.Errorf("%q is missing", name)
			continue
		}
		is := tar.Header{Typeflag: h.Typeflag, Mode: h.Mode, Size: h.Size, Linkname: h.Linkname, Uid: h.Uid, Gid: h.Gid, Devmajor: h.Devmajor, Devminor: h.Devminor}
		if diff := cmp.Diff(want, is); diff != "" {
			t.Errorf("%q (-want +got): %s", name, diff)
		}
	}
	if r := got["owned"].PAXRecords; r[paxXattr+"security.capability"] != capability || r[paxXattr+"trusted.note"] != "" {
		t.Errorf("attributes of owned: %q", r)
	}
	if at := got["a/b"].ModTime; !at.Equal(time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)) {
		t.Errorf("a/b is of %s", at)
	}
	if a, b := importAll(t, rootfs(dir)), importAll(t, rootfs(dir+"/../tree")); a.target.Digest != b.target.Digest {
		t.Errorf("imported again it is %s; was %s", b.target.Digest, a.target.Digest)
	}
}

// Each change of a tree shows in its inputs, under the name of what changed, and nothing else does.
func TestInputsOfADirectory(t *testing.T) {
	dir := oddTree(t)
	o := Options{Platform: "linux/amd64", CacheDir: t.TempDir()}
	at := func(name string) string { return filepath.Join(dir, name) }
	before := inputsOf(t, rootfs(dir), o)
	time.Sleep(statcache.Settled + 100*time.Millisecond)
	if diff := cmp.Diff(before, inputsOf(t, rootfs(dir), o)); diff != "" {
		t.Error("again (-want +got):", diff)
	}
	if diff := cmp.Diff(before, inputsOf(t, rootfs(dir), o)); diff != "" { // now from the cache
		t.Error("remembered (-want +got):", diff)
	}
	if n := openCache(o.CacheDir, dir).cache.Len(); n != 10 {
		t.Errorf("%d files are remembered; want 10", n)
	}
	for _, tt := range []struct {
		name, want string // want is what differs
		do         func() error
	}{
		{"touched", "", func() error { return os.Chtimes(at("a/b"), time.Now(), time.Now()) }},
		{"content", "a.b", func() error { return os.WriteFile(at("a.b"), []byte("9"), 0o644) }},
		{"mode", "a", func() error { return os.Chmod(at("a"), 0o700) }},
		{"owner", "big", func() error { return os.Chown(at("big"), 7, 8) }},
		{"target of a link", "a/link", func() error { return errors.Join(os.Remove(at("a/link")), os.Symlink("x", at("a/link"))) }},
		{"device", "dev/null", func() error {
			return errors.Join(os.Remove(at("dev/null")), unix.Mknod(at("dev/null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))), unix.Chmod(at("dev/null"), 0o666))
		}},
		{"attribute", "tmp/empty", func() error { return unix.Setxattr(at("tmp/empty"), "security.capability", []byte(capability), 0) }},
		{"attribute of the host", "", func() error { return unix.Setxattr(at("tmp/empty"), "trusted.note", []byte("x"), 0) }},
		{"added", "a/new", func() error { return os.WriteFile(at("a/new"), nil, 0o644) }},
		{"removed", "a/new", func() error { return os.Remove(at("a/new")) }},
		{"link broken up", "zz-same", func() error {
			return errors.Join(os.Remove(at("zz-same")), os.WriteFile(at("zz-same"), []byte("#!/bin/sh\n"), 0o644), unix.Chmod(at("zz-same"), 0o4755))
		}},
	} {
		check(t, tt.do())
		after := inputsOf(t, rootfs(dir), o)
		var differ []string
		for k := range after {
			if after[k] != before[k] {
				differ = append(differ, k)
			}
		}
		for k := range before {
			if _, ok := after[k]; !ok {
				differ = append(differ, k)
			}
		}
		if got := strings.Join(differ, ", "); got != "" && got != "file "+tt.want || got == "" && tt.want != "" {
			t.Errorf("%s: differs: %q; want %q", tt.name, got, tt.want)
		}
		before = after
	}
}

func TestBadDirectories(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(dir string) error
		want string
	}{
		{"empty", func(string) error { return nil }, "it is empty"},
		{"a mark of removal", func(dir string) error { return os.WriteFile(dir+"/.wh.x", nil, 0o600) }, "\".wh.x\" in it has a name by which image layers mark what is removed"},
		{"a mount", func(dir string) error {
			t.Cleanup(func() { _ = unix.Unmount(dir+"/proc", unix.MNT_DETACH) })
			return errors.Join(os.Mkdir(dir+"/proc", 0o755), unix.Mount("none", dir+"/proc", "tmpfs", 0, ""))
		}, "something is mounted in it. Unmount it first: umount "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := tt.make(dir); errors.Is(err, unix.EPERM) {
				t.Skip("mounts need root")
			} else if err != nil {
				t.Fatal(err)
			}
			_, err := Inputs(t.Context(), rootfs(dir), host)
			wantError(t, "inputs", err, dir+": ", tt.want)
			store, at := newStore(t)
			_, err = Import(t.Context(), store, rootfs(dir), host, nil)
			wantError(t, "import", err, dir+": ", tt.want)
			wantNothing(t, at)
			_ = unix.Unmount(dir+"/proc", unix.MNT_DETACH)
		})
	}
}

// What changes under the reader's eyes is an error, and nothing stays of it.
func TestDirectoryThatChangesIsRefused(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"grows":         func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte("y"), 3<<20), 0o600) },
		"shrinks":       func(p string) error { return os.Truncate(p, 1<<20) },
		"other content": func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte("y"), 2<<20), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			check(t, os.WriteFile(path, bytes.Repeat([]byte("x"), 2<<20), 0o600))
			age(t, path)
			store, at := newStore(t)
			done := false
			_, err := Import(t.Context(), store, rootfs(dir), host, func(n, total int64) {
				if !done {
					done = true
					check(t, change(path))
				}
			})
			wantError(t, "import", err, path+": it changed while it was read")
			wantNothing(t, at)
		})
	}
}

// fairlead's lock file is not of a root filesystem, at any depth; and what fairlead itself writes into a directory keeps it from being imported.
func TestOwnFilesAreNotImported(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) { check(t, os.WriteFile(filepath.Join(dir, name), []byte("1"), 0o644)) }
	write(spec.LockFile)
	_, err := Inputs(t.Context(), rootfs(dir), host)
	wantError(t, "inputs", err, dir+": it is empty")
	check(t, os.Mkdir(filepath.Join(dir, "sub"), 0o755))
	old := time.Unix(1e9, 0)
	sub := filepath.Join(dir, "sub")
	check(t, os.Chtimes(sub, old, old)) // a directory's time is in the image
	before, imported := inputsOf(t, rootfs(dir), host), importAll(t, rootfs(dir))
	write("sub/" + spec.LockFile)
	check(t, os.Chtimes(sub, old, old))
	if diff := cmp.Diff(before, inputsOf(t, rootfs(dir), host)); diff != "" {
		t.Error("(-before +after):", diff)
	}
	if again := importAll(t, rootfs(dir)); again.target.Digest != imported.target.Digest || bytes.Contains(again.tar, []byte(spec.LockFile)) {
		t.Error("a lock file is imported")
	}
	o := host
	o.Own = []spec.OwnFile{{Path: filepath.Join(dir, "sub/next.plan"), Advice: "Write it elsewhere"}}
	_, err = Inputs(t.Context(), rootfs(dir), o)
	wantError(t, "inputs", err, dir+"/sub/next.plan: fairlead itself writes it", "Write it elsewhere")
	o.Own[0].Path = dir + "2/next.plan"
	inputsOf(t, rootfs(dir), o)
}
