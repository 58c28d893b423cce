package machine

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// TestUnmountBelow: however a directory is named, what is mounted below it is found and unmounted, and nothing beside it.
func TestUnmountBelow(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounts need root")
	}
	for _, c := range []struct {
		name string
		as   func(top, dir string) string // another name of dir
	}{
		{"itself", func(_, dir string) string { return dir }},
		{"slash", func(_, dir string) string { return dir + "/" }},
		{"dots", func(_, dir string) string { return dir + "/../" + filepath.Base(dir) }},
		{"link", func(top, dir string) string { return link(t, dir, top+"/link") }},
		{"link to a link", func(top, dir string) string { return link(t, link(t, dir, top+"/one"), top+"/two") }},
		{"parent is a link", func(top, dir string) string { return link(t, filepath.Dir(dir), top+"/up") + "/" + filepath.Base(dir) }},
		{"relative link", func(top, dir string) string { return link(t, "real/data root#%ü", top+"/rel") }},
		{"relative", func(_, dir string) string {
			t.Chdir(filepath.Dir(dir))
			return "./" + filepath.Base(dir)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			top := t.TempDir()
			dir := filepath.Join(top, "real", "data root#%ü")
			beside := dir + "x"
			kept := filepath.Join(dir, "kept")
			for _, d := range []string{dir + "/a b\tc", dir + "/tmp", kept, beside} {
				if err := os.MkdirAll(d, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			tmpfs(t, beside)
			tmpfs(t, kept)
			tmpfs(t, dir+"/tmp")
			tmpfs(t, dir+"/tmp") // twice on one point
			if err := os.Mkdir(dir+"/tmp/in", 0o700); err != nil {
				t.Fatal(err)
			}
			tmpfs(t, dir+"/tmp/in")
			must(t, os.WriteFile(beside+"/file", nil, 0o600))
			bind(t, beside, dir+"/a b\tc")
			named := c.as(top, dir)
			if below, err := MountsBelow(named); err != nil || len(below) != 5 || slices.Contains(below, beside) {
				t.Fatalf("MountsBelow: %q, %v", below, err)
			}
			if err := RemoveTree(dir); err == nil {
				t.Fatal("RemoveTree removes what is mounted")
			}
			busy, err := os.Open(dir + "/tmp/in")
			must(t, err)
			defer busy.Close()
			must(t, UnmountBelow(named, filepath.Join(named, "kept")))
			if below, err := MountsBelow(named); err != nil || !slices.Equal(below, []string{kept}) {
				t.Errorf("after it: %q, %v", below, err)
			}
			must(t, UnmountBelow(named))
			must(t, RemoveTree(dir))
			if _, err := os.Stat(beside + "/file"); err != nil {
				t.Errorf("what is beside it: %v", err)
			}
			must(t, UnmountBelow(dir)) // there is none any more
		})
	}
}

func TestRemoveTreeFollowsNoLink(t *testing.T) {
	top := t.TempDir()
	real := filepath.Join(top, "real")
	must(t, os.MkdirAll(real, 0o700))
	must(t, os.WriteFile(real+"/file", nil, 0o600))
	named := link(t, real, top+"/link")
	if err := RemoveTree(named); err == nil {
		t.Error("RemoveTree removes through a link")
	}
	must(t, os.Mkdir(top+"/dir", 0o700))
	link(t, real, top+"/dir/link")
	must(t, RemoveTree(top+"/dir"))
	if _, err := os.Stat(real + "/file"); err != nil {
		t.Errorf("what a link in it leads to: %v", err)
	}
}

func link(t *testing.T, to, at string) string {
	t.Helper()
	must(t, os.Symlink(to, at))
	return at
}

func tmpfs(t *testing.T, at string) {
	t.Helper()
	must(t, unix.Mount("tmpfs", at, "tmpfs", 0, "size=64k"))
	t.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) })
}

func bind(t *testing.T, from, at string) {
	t.Helper()
	must(t, unix.Mount(from, at, "", unix.MS_BIND, ""))
	t.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
