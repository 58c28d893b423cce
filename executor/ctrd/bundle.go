package ctrd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"golang.org/x/sys/unix"
)

// bundleInTheWay finds the directory of a task in an error of containerd's runtime (core/runtime/v2/bundle.go, NewBundle).
var bundleInTheWay = regexp.MustCompile(`mkdir (/\S+): file exists`)

// clearBundle removes the directory that a daemon, ended as it made a task, left behind: it takes it for another task's, for good.
// Only the one that the error names is looked at, and only where no shim is left that might use it.
func (w *Writer) clearBundle(id string, err error) {
	found := bundleInTheWay.FindStringSubmatch(err.Error())
	if found == nil || len(shimsOf(w.opts.Namespace)[id]) > 0 {
		return
	}
	dir := filepath.Clean(found[1])
	if !strings.HasSuffix(dir, filepath.Join("/io.containerd.runtime.v2.task", w.opts.Namespace, id)) {
		return
	}
	rootfs := filepath.Join(dir, "rootfs")
	if mount.UnmountAll(rootfs, unix.MNT_DETACH) != nil {
		return
	}
	if err := os.Remove(rootfs); err != nil && !os.IsNotExist(err) {
		return // not empty: it is the container's own file system, still mounted
	}
	_ = os.RemoveAll(dir) // what stays makes the next start fail as this one did, and say so
}
