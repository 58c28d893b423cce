package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// MountsBelow gives where something is mounted below a directory, without the directory itself, the last mount first. The kernel names
// mounts without symbolic links, so these are followed first. A directory that isn't there has none below it.
func MountsBelow(dir string) ([]string, error) {
	dir, err := mount.CanonicalizePath(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	infos, err := mountinfo.GetMounts(mountinfo.PrefixFilter(strings.TrimSuffix(dir, "/")))
	if err != nil {
		return nil, err
	}
	var below []string
	for _, m := range slices.Backward(infos) {
		if m.Mountpoint != dir {
			below = append(below, m.Mountpoint)
		}
	}
	return below, nil
}

// UnmountBelow unmounts what is mounted below a directory, but for mounts at the paths to keep. What is in use is detached: it is gone
// from below the directory, and its user has it until it ends. An error names what is still mounted.
func UnmountBelow(dir string, keep ...string) error {
	for i, k := range keep {
		if real, err := mount.CanonicalizePath(k); err == nil {
			keep[i] = real
		}
	}
	var last error
	for range 3 { // a mount that is propagated may come up below another
		all, err := MountsBelow(dir)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(m string) bool { return slices.Contains(keep, m) })
		if len(all) == 0 {
			return nil
		}
		var errs []error
		for _, m := range all {
			if err := mount.UnmountRecursive(m, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("%s: it stays mounted: %w", m, err))
			}
		}
		last = errors.Join(errs...)
	}
	if left, err := MountsBelow(dir); err == nil && last == nil {
		last = fmt.Errorf("%s: it stays mounted. Run `umount` on it", strings.Join(left, ", "))
	}
	return last
}

// RemoveTree removes a directory with all in it, and no more than that: not where the directory is a symbolic link, and not where
// something is mounted in it. The directory itself stays where it is a mount.
func RemoveTree(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%s: it is a symbolic link, and what it leads to is not removed. Remove both by hand", dir)
	}
	below, err := MountsBelow(dir)
	if err != nil {
		return err
	}
	if len(below) > 0 {
		return fmt.Errorf("%s: %s is mounted in it, so nothing was removed. Unmount that first", dir, strings.Join(below, ", "))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, unix.EBUSY) { // it is a mount
		return err
	}
	return nil
}
