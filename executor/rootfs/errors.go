package rootfs

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
)

// readError is an error of reading a source, as told from one of whatever it is written to.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// damaged puts errors of reading a tar into words; others pass. Entries is how many were read before.
func damaged(name string, entries int, err error) error {
	var reading *readError
	if !errors.As(err, &reading) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var system *fs.PathError
	switch {
	case errors.As(err, &system):
		return fmt.Errorf("%s: it cannot be read: %w", name, system.Err)
	case entries == 0 && errors.Is(err, tar.ErrHeader):
		return notTar(name)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return truncated(name)
	case errors.Is(err, xz.ErrMemlimit), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("%s: unpacking it takes more than %d MiB of memory. Compress it with a smaller window: at most xz -9 or zstd --long=27", name, maxWindow>>20)
	}
	return fmt.Errorf("%s: it is corrupt: %w. Copy it again or make it anew", name, reading.err)
}

func truncated(name string) error {
	return fmt.Errorf("%s: it ends too early: the tar in it is truncated. Copy it again or make it anew", name)
}

func notTar(name string) error {
	return fmt.Errorf("%s: it is no tar file, plain or compressed with gzip, zstd, xz or bzip2. `tar -C DIR -czf FILE .` makes one, and a directory will do as well", name)
}

func nothing(name string) error {
	return fmt.Errorf("%s: it is empty: there is no root filesystem in it. Make it anew, or correct the path", name)
}

func changed(name string) error {
	return fmt.Errorf("%s: it changed while it was read. Try again when nothing writes to it", name)
}

func unreadable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: there is no such file or directory. Put it there, or correct the path", path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: permission denied: it must be readable for the user who runs fairlead", path)
	}
	var system *fs.PathError
	if errors.As(err, &system) {
		err = system.Err // without the path, which is there already
	}
	return fmt.Errorf("%s: it cannot be read: %w", path, err)
}
