package buildkit

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/fairlead-dev/fairlead/executor/machine"
	"golang.org/x/sys/unix"
)

// rootLock lets one buildkitd at a time have a root. The file description is handed on to the buildkitd, so that the lock is held
// until both it and fairlead have ended, however they end.
type rootLock struct{ file *os.File }

// takeLock waits for the lock, telling who has it.
func takeLock(ctx context.Context, path, stack string, note func(string)) (*rootLock, error) {
	for told := false; ; {
		l, err := tryLock(path)
		if err != nil {
			return nil, err
		}
		if l != nil {
			l.writeHolder(stack)
			return l, nil
		}
		if !told {
			note("waiting for the builder, which " + describeHolder(path) + " uses")
			told = true
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// tryLock gives nil where the lock is taken. The file stays: its root does.
func tryLock(path string) (*rootLock, error) {
	f, err := machine.TryLock(path)
	if err != nil {
		return nil, fmt.Errorf("builder: its lock: %w", err)
	}
	if f == nil {
		return nil, nil
	}
	return &rootLock{f}, nil
}

// writeHolder writes who has the lock, for the one that waits.
func (l *rootLock) writeHolder(stack string) {
	if l.file.Truncate(0) == nil {
		_, _ = l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+" "+stack), 0) // a lock without it holds as well
	}
}

// readHolder reads what writeHolder wrote.
func readHolder(path string) (pid, stack string) {
	b, _ := os.ReadFile(path)
	pid, stack, _ = strings.Cut(string(b), " ")
	return pid, stack
}

// holderLives tells whether the fairlead that took the lock is there; its buildkitd may outlive it by a moment.
func holderLives(path string) bool {
	pid, _ := readHolder(path)
	n, err := strconv.Atoi(pid)
	return err != nil || unix.Kill(n, 0) == nil
}

func describeHolder(path string) string {
	pid, stack := readHolder(path)
	switch {
	case pid == "":
		return "another process"
	case stack == "":
		return "process " + pid
	}
	return fmt.Sprintf("stack %s, process %s,", stack, pid)
}

func (l *rootLock) release() { _ = l.file.Close() }
