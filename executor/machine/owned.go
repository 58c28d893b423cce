package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// MaxSocket is how many bytes the path of a Unix socket has at most: sun_path in unix(7), without its NUL.
const MaxSocket = 107

// maxLinks bounds how many symbolic links a path may lead over, as the kernel does.
const maxLinks = 40

// CheckOwned refuses a path that somebody but root and the caller could lead elsewhere: a directory or a symbolic link on the way that is
// another user's, or a directory that others can write to. In one with the sticky bit, as /tmp, others can't touch what is root's. What of
// the path isn't there yet is fine. The path must be absolute.
func CheckOwned(path string) error { return checkOwned(path, maxLinks) }

func checkOwned(path string, links int) error {
	parts := strings.Split(strings.Trim(filepath.Clean(path), "/"), "/")
	for i := range len(parts) + 1 {
		at := "/" + strings.Join(parts[:i], "/")
		info, err := os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		owner := info.Sys().(*syscall.Stat_t)
		if owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
			return fmt.Errorf("%s: it belongs to user %d, who could put something else there. Choose another --data-root, or run: chown root %s", at, owner.Uid, at)
		}
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			if links == 0 {
				return fmt.Errorf("%s: it leads over too many symbolic links", path)
			}
			to, err := os.Readlink(at)
			if err != nil {
				return err
			}
			if !filepath.IsAbs(to) {
				to = filepath.Dir(at) + "/" + to
			}
			return checkOwned(to+"/"+strings.Join(parts[i:], "/"), links-1)
		case !info.IsDir():
			return fmt.Errorf("%s: it is no directory", at)
		}
		mode := info.Mode()
		others := mode.Perm()&0o002 != 0 || mode.Perm()&0o020 != 0 && owner.Gid != 0
		if others && mode&fs.ModeSticky == 0 {
			return fmt.Errorf("%s: other users can write to it. Choose another --data-root, or run: chmod go-w %s", at, at)
		}
	}
	return nil
}
