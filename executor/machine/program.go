package machine

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// FindProgram finds a program beside fairlead's own, or in PATH.
func FindProgram(name string) (string, error) {
	if self, err := os.Executable(); err == nil {
		if beside := filepath.Join(filepath.Dir(self), name); IsProgram(beside) {
			return beside, nil
		}
	}
	return exec.LookPath(name)
}

// IsProgram tells whether a file is one that can be run.
func IsProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// ProgramDirs gives the directories in which a process finds programs: those of its PATH, and where its own is. It gives false where the
// process is out of sight.
func ProgramDirs(pid int) ([]string, bool) {
	p := Process{PID: pid}
	env, err := os.ReadFile(p.path("environ"))
	if pid == 0 || err != nil {
		return nil, false
	}
	var dirs []string
	for kv := range strings.SplitSeq(string(env), "\x00") {
		if path, ok := strings.CutPrefix(kv, "PATH="); ok {
			dirs = filepath.SplitList(path)
		}
	}
	exe, err := os.Readlink(p.path("exe"))
	if err != nil {
		return nil, false
	}
	return append(dirs, filepath.Dir(strings.TrimSuffix(exe, " (deleted)"))), true
}
