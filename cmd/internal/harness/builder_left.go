package harness

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"

	"github.com/fairlead-dev/fairlead/executor/machine"
)

// temporaryLease is the label of the leases that BuildKit takes while it works.
const temporaryLease = "buildkit/lease.temporary"

// builderLeft is what the own builder of a data root has left running, mounted or listening.
func builderLeft(dataRoot string) []string {
	root := filepath.Join(dataRoot, "buildkit")
	var lines []string
	for _, p := range RunWith(root + "/") {
		lines = append(lines, "process "+strings.Join(p.Args, " "))
	}
	return append(lines, mountsAndSockets(root)...)
}

// mountsAndSockets are what is mounted or listens below a directory.
func mountsAndSockets(root string) []string {
	var lines []string
	mounts, err := machine.MountsBelow(root)
	if err != nil {
		lines = append(lines, "mounts can't be told: "+err.Error())
	}
	for _, m := range mounts {
		lines = append(lines, "mount "+m)
	}
	_ = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type() == fs.ModeSocket {
			lines = append(lines, "socket "+path)
		}
		return nil
	})
	return lines
}

// dropCache deletes the leases by which buildkitd keeps its cache, and other forms of what is in it. Those that it takes while it works are
// not among them: fairlead ends them with its own buildkitd.
func dropCache(ctx context.Context, client *containerd.Client, all []leases.Lease) error {
	for _, l := range all {
		_, flat := l.Labels["containerd.io/gc.flat"]
		if !flat && !strings.HasSuffix(l.ID, "-variants") {
			continue
		}
		if err := client.LeasesService().Delete(ctx, l); err != nil && !errdefs.IsNotFound(err) {
			return err
		}
	}
	return nil
}
