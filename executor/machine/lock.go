package machine

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// TryLock opens a file, which it creates if need be, and takes the lock on it. The kernel holds the lock for those who have the file open:
// when they end, however they end, it is free. nil: another has it.
func TryLock(path string) (*os.File, error) { return lock(path, unix.LOCK_NB) }

// Lock is TryLock that waits until the lock is free.
func Lock(path string) (*os.File, error) { return lock(path, 0) }

func lock(path string, flags int) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|flags)
		if err == nil && isAt(f, path) {
			return f, nil
		}
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		// The holder before removed the file as it let go: this lock would be of nothing.
	}
}

func isAt(f *os.File, path string) bool {
	here, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(here, there)
}
