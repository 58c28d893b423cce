package spec

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ReplaceFile writes a file whole or not at all: a new one beside its place, from where it is renamed. What was there stays until all went well, and so does
// what has the same content under another name. An error of Replaceable comes before anything is written.
func ReplaceFile(path string, mode fs.FileMode, write func(io.Writer) error) error {
	if err := Replaceable(path); err != nil {
		return err
	}
	return writeBeside(path, mode, nil, write, os.Rename)
}

// Content writes b, for ReplaceFile and the like.
func Content(b []byte) func(io.Writer) error {
	return func(w io.Writer) error { _, err := w.Write(b); return err }
}

// CreateFile writes a file whole or not at all, and leaves what is there: the error is fs.ErrExist then.
func CreateFile(path string, mode fs.FileMode, write func(io.Writer) error) error {
	return writeBeside(path, mode, nil, write, os.Link)
}

// RewriteFile writes a file that is there anew, whole or not at all, with the mode and the owner that it has. Of a symbolic link it writes what the link leads to.
func RewriteFile(path string, write func(io.Writer) error) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if err := Replaceable(real); err != nil {
		return err
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	return writeBeside(real, info.Mode().Perm(), info.Sys().(*syscall.Stat_t), write, os.Rename)
}

// Replaceable tells whether ReplaceFile can be asked to write path: there is a file, or nothing. An error says what else is there.
func Replaceable(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() {
		return nil
	}
	return fmt.Errorf("%s: there must be a file or nothing; there is %s. Name another file", path, kindOf(info.Mode()))
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// ofDirectory names the directory where a temporary file could not be made, since nobody knows that file's name.
func ofDirectory(dir string, err error) error {
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return &fs.PathError{Op: "write into", Path: dir, Err: pathErr.Err}
	}
	return err
}

func writeBeside(path string, mode fs.FileMode, owner *syscall.Stat_t, write func(io.Writer) error, place func(from, to string) error) error {
	name := strings.TrimPrefix(filepath.Base(path), ".")
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+name[:min(len(name), 200)]+".*") // a name has at most 255 bytes
	if err != nil {
		return ofDirectory(filepath.Dir(path), err)
	}
	defer os.Remove(tmp.Name())
	err = write(tmp)
	if err == nil && owner != nil && (int(owner.Uid) != os.Geteuid() || int(owner.Gid) != os.Getegid()) {
		err = tmp.Chown(int(owner.Uid), int(owner.Gid))
	}
	if err == nil {
		err = tmp.Chmod(mode)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = place(tmp.Name(), path)
	}
	return err
}
