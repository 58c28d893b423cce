package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-dev/fairlead/executor/machine"
	"golang.org/x/sys/unix"
)

// What could not be written because the terminal or the reader was gone is in a file below the data root; the next command names it.
const (
	lostKept   = 10     // as many files are kept, the latest
	lostSuffix = ".log" // of the names
	lostUnread = ".new" // and of those that no command has named yet, after it
)

func (a *app) lostDir() string { return machine.Paths{Root: a.dataRoot}.LostOutput() }

// keepOutput puts a file in the place of an output, and nothing where that can't be made: who writes to it is not to fail.
func (a *app) keepOutput(fd int) {
	f, err := a.lostFile()
	if err != nil {
		if f, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
			return
		}
	}
	defer f.Close()
	for _, t := range []terminal{stdout, stderr} {
		if int(t.file.Fd()) == fd {
			t.DropSequences()
		}
	}
	_ = unix.Dup3(int(f.Fd()), fd, 0) // else it stays as it was
}

// lostFile opens this run's file; both outputs go into it.
func (a *app) lostFile() (*os.File, error) {
	if a.lost == "" {
		if err := os.MkdirAll(a.lostDir(), 0o700); err != nil {
			return nil, err
		}
		a.dropLost()
		a.lost = filepath.Join(a.lostDir(), fmt.Sprintf("%s-%d%s%s", time.Now().UTC().Format("20060102T150405Z"), os.Getpid(), lostSuffix, lostUnread))
		f, err := os.OpenFile(a.lost, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
		if err == nil {
			fmt.Fprintf(f, "fairlead %s, process %d: its terminal or reader went away. What it wrote from then on:\n", a.command, os.Getpid())
		}
		return f, err
	}
	return os.OpenFile(a.lost, os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
}

// dropLost makes room for one more file.
func (a *app) dropLost() {
	entries, _ := os.ReadDir(a.lostDir()) // sorted by name, so by time
	for len(entries) >= lostKept {
		_ = os.Remove(filepath.Join(a.lostDir(), entries[0].Name())) // one more than wanted does no harm
		entries = entries[1:]
	}
}

// tellLost names the files that no command has named yet, in one line.
func (a *app) tellLost() {
	entries, err := os.ReadDir(a.lostDir())
	if err != nil {
		return // there are none, or they are another's
	}
	var paths []string
	for _, e := range entries {
		path := filepath.Join(a.lostDir(), e.Name())
		if read, ok := strings.CutSuffix(path, lostUnread); ok && os.Rename(path, read) == nil {
			paths = append(paths, read)
		}
	}
	if slices.Sort(paths); len(paths) > 0 {
		a.printNote("An earlier run lost its terminal; the rest of its output is in %s", strings.Join(paths, ", "))
	}
}
