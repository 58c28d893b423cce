package machine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// LockFile is a lock whose file goes when it is released, with the directories that are empty then. The kernel holds it for this process:
// when that ends, however it ends, the lock is free.
type LockFile struct {
	file *os.File
	path string
}

// Holder is the process that holds a lock.
type Holder struct {
	PID   int       // 0: not known
	Since time.Time // zero: not known
}

// TryLockFile gives the lock, or nil and who holds it.
func TryLockFile(path string) (*LockFile, Holder, error) {
	for {
		if err := MakeDir(filepath.Dir(path)); err != nil {
			return nil, Holder{}, err
		}
		f, err := TryLock(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another one removed the directory as it let go
		}
		if err != nil {
			return nil, Holder{}, err
		}
		if f == nil {
			return nil, readHolder(path), nil
		}
		l := &LockFile{file: f, path: path}
		if err := l.sign(); err != nil {
			l.Release()
			return nil, Holder{}, err
		}
		return l, Holder{}, nil
	}
}

// WaitLockFile takes a lock that others hold for a moment at most.
func WaitLockFile(ctx context.Context, path string) (*LockFile, error) {
	for {
		l, _, err := TryLockFile(path)
		if l != nil || err != nil {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// sign writes who holds the lock, for the message of the next one.
func (l *LockFile) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"+time.Now().UTC().Format(time.RFC3339)+"\n"), 0)
	return err
}

func readHolder(path string) Holder {
	b, _ := os.ReadFile(path) // none where it has let go just now
	pid, since, _ := strings.Cut(strings.TrimSuffix(string(b), "\n"), "\n")
	var h Holder
	h.PID, _ = strconv.Atoi(pid)
	h.Since, _ = time.Parse(time.RFC3339, since)
	return h
}

// Release removes the file while it is still locked, so that nobody can lock a file that is about to go without seeing it.
func (l *LockFile) Release() {
	_ = os.Remove(l.path)
	_ = l.file.Close()
	RemoveEmpty(filepath.Dir(l.path), lockRoot)
}
