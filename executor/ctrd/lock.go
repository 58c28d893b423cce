package ctrd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Locked is the error of an apply whose stack another apply works on.
type Locked struct {
	Stack string
	PID   int       // of the other; 0: not known
	Since time.Time // zero: not known
}

// Error says who holds the lock, and what to do.
func (l *Locked) Error() string {
	who := "another process"
	if l.PID != 0 {
		who = "process " + strconv.Itoa(l.PID)
	}
	if !l.Since.IsZero() {
		who += " since " + l.Since.Format(time.RFC3339)
	}
	return fmt.Sprintf("stack %s: it is being worked on by %s. Wait for it to end, then plan again; --lock-timeout 5m waits for it", l.Stack, who)
}

// lock is held by the kernel for this process: when it ends, however it ends, the lock is free.
type lock struct {
	file *os.File
	path string
}

// takeLock takes the lock of a stack, waiting for it if need be and allowed.
func takeLock(ctx context.Context, path, stack string, wait time.Duration) (*lock, error) {
	end := time.Now().Add(wait)
	for {
		l, holder, err := tryLock(path)
		if err != nil {
			if errors.Is(err, fs.ErrPermission) {
				return nil, fmt.Errorf("stack %s: its lock is root's: run fairlead as root, as in `sudo fairlead apply` (%w)", stack, err)
			}
			return nil, fmt.Errorf("stack %s: lock: %w", stack, err)
		}
		if l != nil {
			return l, nil
		}
		if !time.Now().Before(end) {
			holder.Stack = stack
			return nil, holder
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// tryLock gives the lock, or who holds it.
func tryLock(path string) (*lock, *Locked, error) {
	for {
		if err := makeDir(filepath.Dir(path)); err != nil {
			return nil, nil, err
		}
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another one removed the directory as it let go
		}
		if err != nil {
			return nil, nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			defer f.Close()
			return nil, readHolder(f), nil
		}
		if err != nil {
			f.Close()
			return nil, nil, err
		}
		if !current(f, path) {
			f.Close() // its holder removed the file as it let go: this lock is of nothing
			continue
		}
		l := &lock{file: f, path: path}
		if err := l.sign(); err != nil {
			l.release()
			return nil, nil, err
		}
		return l, nil, nil
	}
}

func current(f *os.File, path string) bool {
	here, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(here, there)
}

// sign writes who holds the lock, for the message of the next one.
func (l *lock) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"+time.Now().UTC().Format(time.RFC3339)+"\n"), 0)
	return err
}

func readHolder(f *os.File) *Locked {
	b := make([]byte, 128)
	n, _ := f.ReadAt(b, 0)
	lines := strings.Split(string(b[:n]), "\n")
	var h Locked
	h.PID, _ = strconv.Atoi(lines[0])
	if len(lines) > 1 {
		h.Since, _ = time.Parse(time.RFC3339, lines[1])
	}
	return &h
}

// release removes the file while it is still locked, so that nobody can lock a file that is about to go without seeing it.
func (l *lock) release() {
	_ = os.Remove(l.path)
	_ = l.file.Close()
	dropEmpty(filepath.Dir(l.path), lockRoot)
}
