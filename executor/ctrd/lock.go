package ctrd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/fairlead-dev/fairlead/executor/machine"
)

// Locked is the error of an apply whose stack another apply, the lock's holder, works on.
type Locked struct {
	Stack string
	machine.Holder
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

// takeLock takes the lock of a stack, waiting for it if need be and allowed.
func takeLock(ctx context.Context, path, stack string, wait time.Duration) (*machine.LockFile, error) {
	end := time.Now().Add(wait)
	for {
		l, holder, err := machine.TryLockFile(path)
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
			return nil, &Locked{stack, holder}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
