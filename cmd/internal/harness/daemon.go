package harness

import (
	"path/filepath"
	"strings"

	"github.com/fairlead-dev/fairlead/executor/ctrd/ctrdtest"
)

// Daemon is a private containerd that tests disturb, and in which they look for what was left behind.
type Daemon struct{ *ctrdtest.Daemon }

// Daemons prepares all supported versions in dir, which must have a short path: sockets are in it.
func Daemons(dir string) []*Daemon {
	var all []*Daemon
	for _, v := range ctrdtest.Versions {
		all = append(all, &Daemon{ctrdtest.New(v, filepath.Join(dir, strings.ReplaceAll(v, ".", "")))})
	}
	return all
}
