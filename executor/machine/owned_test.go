package machine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckOwned: only root may be able to lead a path elsewhere.
func TestCheckOwned(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("other owners need root")
	}
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, top string) string // the path to check
		refused string
	}{
		{"root's", func(t *testing.T, top string) string { return top + "/a/b" }, ""},
		{"sticky", func(t *testing.T, top string) string { return dir(t, top+"/a", 0o777|os.ModeSticky, 0) + "/b" }, ""},
		{"writable", func(t *testing.T, top string) string { return dir(t, top+"/a", 0o777, 0) + "/b" }, "chmod go-w"},
		{"writable itself", func(t *testing.T, top string) string { return dir(t, top+"/a", 0o757, 0) }, "chmod go-w"},
		{"another's", func(t *testing.T, top string) string { return dir(t, top+"/a", 0o755, 12345) + "/b" }, "user 12345"},
		{"another's in a sticky one", func(t *testing.T, top string) string {
			return dir(t, dir(t, top+"/a", 0o777|os.ModeSticky, 0)+"/b", 0o755, 12345)
		}, "user 12345"},
		{"root's link", func(t *testing.T, top string) string {
			return link(t, dir(t, top+"/a", 0o755, 0), top+"/l") + "/b"
		}, ""},
		{"another's link", func(t *testing.T, top string) string {
			l := link(t, dir(t, top+"/a", 0o755, 0), top+"/l")
			must(t, os.Lchown(l, 12345, 12345))
			return l + "/b"
		}, "user 12345"},
		{"link to another's link", func(t *testing.T, top string) string {
			l := link(t, dir(t, top+"/a", 0o755, 0), top+"/l")
			must(t, os.Lchown(l, 12345, 12345))
			return link(t, "l", top+"/m") + "/b"
		}, "user 12345"},
		{"link into a writable one", func(t *testing.T, top string) string {
			return link(t, dir(t, top+"/a", 0o777, 0)+"/b", top+"/l")
		}, "chmod go-w"},
		{"loop", func(t *testing.T, top string) string { return link(t, "l", top+"/l") }, "too many"},
		{"file", func(t *testing.T, top string) string {
			must(t, os.WriteFile(top+"/f", nil, 0o600))
			return top + "/f/a"
		}, "no directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			top, err := filepath.EvalSymlinks(t.TempDir())
			must(t, err)
			err = CheckOwned(c.prepare(t, top))
			if c.refused == "" && err != nil || c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)) {
				t.Errorf("%v; want %q", err, c.refused)
			}
		})
	}
}

func dir(t *testing.T, at string, mode os.FileMode, owner int) string {
	t.Helper()
	must(t, os.Mkdir(at, 0o700))
	must(t, os.Chmod(at, mode))
	must(t, os.Chown(at, owner, owner))
	return at
}
