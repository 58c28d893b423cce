package stream

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

// ReadError is an error of reading a source, as told from one of whatever it is read for.
type ReadError struct{ Err error }

func (e *ReadError) Error() string { return e.Err.Error() }

// Unwrap gives the error itself.
func (e *ReadError) Unwrap() error { return e.Err }

// MarkRead makes an error of reading a ReadError; the end of a context is none.
func MarkRead(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &ReadError{err}
}

// Unreadable says why a path cannot be read, with the path once.
func Unreadable(path string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s: permission denied: it must be readable for the user who runs fairlead", path)
	}
	if system, ok := errors.AsType[*fs.PathError](err); ok {
		err = system.Err
	}
	return fmt.Errorf("%s: it cannot be read: %w", path, err)
}

// Kind is a kind of tar file, for errors.
type Kind struct {
	NotOne func(name string) error // for what doesn't begin as one does
	Remedy string                  // what to do with a damaged one
}

// Explain says what is wrong with the file of that name, if err is a ReadError; others pass. Entries is how many were read before.
func (k Kind) Explain(name string, entries int, err error) error {
	var reading *ReadError
	if !errors.As(err, &reading) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var system *fs.PathError
	switch {
	case errors.As(err, &system):
		return Unreadable(name, err)
	case entries == 0 && (errors.Is(err, io.EOF) || errors.Is(err, tar.ErrHeader)):
		return k.NotOne(name)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return k.Truncated(name)
	case errors.Is(err, xz.ErrMemlimit), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("%s: unpacking it takes more than %d MiB of memory. Compress it with a smaller window: at most xz -9 or zstd --long=27", name, maxWindow>>20)
	}
	return fmt.Errorf("%s: it is corrupt: %w. %s", name, reading.Err, k.Remedy)
}

// Truncated is the error for a file that is cut off.
func (k Kind) Truncated(name string) error {
	return fmt.Errorf("%s: it ends too early: the file is truncated. %s", name, k.Remedy)
}
