package mark

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fairlead-dev/fairlead/spec"
)

// HostKey reads from its file the key of the marks, and of the keyed hashes by which a changed secret is seen. It is made when it is first
// needed, and root's alone.
func HostKey(path string) ([]byte, error) {
	for {
		key, err := os.ReadFile(path)
		if err == nil && len(key) == keySize {
			return key, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: the host's key, by which changed secrets and fairlead's own objects are known: %w", path, err)
		}
		if err := makeKey(path); err != nil {
			return nil, fmt.Errorf("%s: the host's key, by which changed secrets and fairlead's own objects are known: %w", path, err)
		}
	}
}

const keySize = 32

// makeKey writes a new key whole or not at all, and leaves one that another process was faster to write.
func makeKey(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	key := make([]byte, keySize)
	_, _ = rand.Read(key)                                           // never fails, by its documentation
	if i, err := os.Stat(path); err == nil && i.Size() != keySize { // cut off by a full disk
		return spec.ReplaceFile(path, 0o600, spec.Content(key))
	}
	if err := spec.CreateFile(path, 0o600, spec.Content(key)); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
