package machine

import (
	"os"
	"os/exec"
	"path/filepath"
)

// FindProgram finds a program beside fairlead's own, or in PATH.
func FindProgram(name string) (string, error) {
	if self, err := os.Executable(); err == nil {
		if beside := filepath.Join(filepath.Dir(self), name); isProgram(beside) {
			return beside, nil
		}
	}
	return exec.LookPath(name)
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
