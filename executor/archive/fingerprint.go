package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/fairlead-dev/fairlead/executor/stream"
)

// Fingerprint changes whenever the archive does: size, times and inode of the file, or of a layout's index.json, which names
// all the rest by digest. The time of the last change of the inode is among them: who writes other content can set all else back.
func Fingerprint(path string) (string, error) {
	info, err := stat(path)
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		info, err = os.Stat(filepath.Join(path, "index.json"))
		if err != nil {
			return "", notLayout(path)
		}
	}
	var inode uint64
	var changed int64
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		inode, changed = s.Ino, s.Ctim.Nano()
	}
	return fmt.Sprintf("%d-%d-%d-%d", info.Size(), info.ModTime().UnixNano(), inode, changed), nil
}

func stat(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no such file. Save it there, or correct the path", path)
	case err != nil:
		return nil, stream.Unreadable(path, err)
	case !info.IsDir() && !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: it is neither a file nor a directory", path)
	}
	return info, nil
}

func notLayout(path string) error {
	return fmt.Errorf("%s: it is a directory without oci-layout and index.json, so no OCI layout. Name an archive or a layout's directory", path)
}
