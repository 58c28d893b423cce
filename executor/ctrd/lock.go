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

	"github.com/fairlead-dev/fairlead/executor/machine"
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
		f, err := machine.TryLock(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another one removed the directory as it let go
		}
		if err != nil {
			return nil, nil, err
		}
		if f == nil {
			return nil, readHolder(path), nil
		}
		l := &lock{file: f, path: path}
		if err := l.sign(); err != nil {
			l.release()
			return nil, nil, err
		}
		return l, nil, nil
	}
}

// sign writes who holds the lock, for the message of the next one.
func (l *lock) sign() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"+time.Now().UTC().Format(time.RFC3339)+"\n"), 0)
	return err
}

func readHolder(path string) *Locked {
	b, _ := os.ReadFile(path) // none where it has let go just now
	lines := strings.Split(string(b), "\n")
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
