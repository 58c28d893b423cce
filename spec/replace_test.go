package spec

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

// TestReplaceFile: a file is replaced by a new one of the mode that was asked for; what it was linked with stays, and all else is refused.
func TestReplaceFile(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(path, other string) error
		refused string
	}{
		{"nothing", func(string, string) error { return nil }, ""},
		{"file", func(path, _ string) error { return os.WriteFile(path, []byte("old"), 0o666) }, ""},
		{"hard link", func(path, other string) error { return os.Link(other, path) }, ""},
		{"symbolic link", func(path, other string) error { return os.Symlink(other, path) }, "a symbolic link"},
		{"dangling link", func(path, _ string) error { return os.Symlink("nowhere", path) }, "a symbolic link"},
		{"directory", func(path, _ string) error { return os.Mkdir(path, 0o700) }, "a directory"},
		{"pipe", func(path, _ string) error { return syscall.Mkfifo(path, 0o600) }, "a pipe"},
		{"socket", func(path, _ string) error { _, err := net.Listen("unix", path); return err }, "a socket"},
		{"device", func(path, _ string) error { return syscall.Mknod(path, syscall.S_IFCHR|0o600, 1<<8|3) }, "a device"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path, other := filepath.Join(dir, "f"), filepath.Join(dir, "other")
			if err := os.WriteFile(other, []byte("other"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := c.prepare(path, other); errors.Is(err, syscall.EPERM) {
				t.Skip("needs root")
			} else if err != nil {
				t.Fatal(err)
			}
			before, _ := os.Lstat(path)
			err := ReplaceFile(path, 0o600, text("new"))
			got, _ := os.ReadFile(other)
			if string(got) != "other" {
				t.Errorf("the other file has %q", got)
			}
			now, _ := os.Lstat(path)
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) || !os.SameFile(before, now) || before.Mode() != now.Mode() {
					t.Errorf("%v; %v", err, now)
				}
			} else if text, _ := os.ReadFile(path); err != nil || string(text) != "new" || now.Mode() != 0o600 {
				t.Errorf("%v; %q %v", err, text, now.Mode())
			}
			if left, _ := os.ReadDir(dir); len(left) > 2 {
				t.Errorf("there is something left beside it: %v", left)
			}
		})
	}
}

// TestFailedWriteLeavesTheOld: whatever goes wrong while a file is written, what was there stays.
func TestFailedWriteLeavesTheOld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := CreateFile(path, 0o640, text("old")); err != nil {
		t.Fatal(err)
	}
	full := func(w io.Writer) error { _, _ = io.WriteString(w, "ne"); return syscall.ENOSPC }
	for name, err := range map[string]error{"replace": ReplaceFile(path, 0o600, full), "rewrite": RewriteFile(path, full)} {
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := CreateFile(path, 0o600, text("new")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create: %v", err)
	}
	info, _ := os.Stat(path)
	if got, _ := os.ReadFile(path); string(got) != "old" || info.Mode() != 0o640 {
		t.Errorf("%q %v", got, info.Mode())
	}
	left, _ := os.ReadDir(filepath.Dir(path))
	if len(left) != 1 {
		t.Errorf("there is something left beside it: %v", left)
	}
}

// TestRewriteFileKeeps: the mode, the owner and a link to the file stay.
func TestRewriteFileKeeps(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, strings.Repeat("f", 250)), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(path, []byte("old"), 0o640), os.Symlink(path, link)); err != nil {
		t.Fatal(err)
	}
	uid := os.Geteuid()
	if uid == 0 {
		uid = 12345
		if err := os.Chown(path, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	if err := RewriteFile(link, text("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "new" || info.Mode() != 0o640 || int(info.Sys().(*syscall.Stat_t).Uid) != uid {
		t.Errorf("%q %v %v", got, info.Mode(), info.Sys())
	}
	if to, err := os.Readlink(link); err != nil || to != path {
		t.Errorf("the link: %q %v", to, err)
	}
}
