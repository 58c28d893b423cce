package machine

import (
	"os"
	"path/filepath"
	"strconv"
)

// IsOpen tells whether a process has a file open.
func IsOpen(path string) bool {
	file, err := os.Stat(path)
	if err != nil {
		return false
	}
	for _, pid := range pids() {
		dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
		fds, _ := os.ReadDir(dir) // the process may be gone by now
		for _, fd := range fds {
			if is, err := os.Stat(filepath.Join(dir, fd.Name())); err == nil && os.SameFile(is, file) {
				return true
			}
		}
	}
	return false
}
