package machine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// makeTries bounds how often a directory is made that others take away meanwhile: directories that stacks share come with the first thing
// in them and go with the last, in any process.
const makeTries = 1000

// MakeDir makes a directory and those above it, root's alone.
func MakeDir(path string) error {
	var err error
	for range makeTries {
		err = os.MkdirAll(path, 0o700)
		// One that was made or found, being empty, may go before the next is made in it, or before it is looked at.
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return err
}

// RemoveEmpty removes a directory and those above it, below root, as long as they are empty.
func RemoveEmpty(dir, root string) {
	for ; len(dir) > len(root); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil {
			return // there is something else in it
		}
	}
}
