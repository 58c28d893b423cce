package ctrd

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// leftoverAfter is how long the making of a task may take before a leftover is looked for: it takes some tenths of a second.
const leftoverAfter = 5 * time.Second

// ticks is how many of the kernel's units of time a second has: USER_HZ, the same everywhere.
const ticks = 100

// endLeftover ends the shims of a container that were there before begun. Where a call that makes a task was cut off, its shim may
// stay, without a task and known to nobody; the daemon hands the next call to it, and that waits for ever.
func (w *Writer) endLeftover(id string, begun time.Time) {
	up, err := uptime()
	if err != nil {
		return
	}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid <= 1 || !isShim(dir, w.opts.Namespace, id) {
			continue
		}
		if started, ok := startOf(dir); ok && up-started > time.Since(begun)+time.Second {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by now
		}
	}
}

func isShim(dir, namespace, id string) bool {
	raw, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return false
	}
	args := strings.Split(string(bytes.TrimRight(raw, "\x00")), "\x00")
	return strings.HasPrefix(filepath.Base(args[0]), "containerd-shim") && follows(args, "-namespace", namespace) && follows(args, "-id", id)
}

func follows(args []string, flag, value string) bool {
	for i, a := range args[:len(args)-1] {
		if a == flag && args[i+1] == value {
			return true
		}
	}
	return false
}

// uptime is how long the machine has been up; startOf gives how long it had been when a process began (proc(5), field 22 of stat).
func uptime() (time.Duration, error) {
	b, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0, err
	}
	word, _, _ := strings.Cut(string(b), " ")
	seconds, err := strconv.ParseFloat(word, 64)
	return time.Duration(seconds * float64(time.Second)), err
}

func startOf(dir string) (time.Duration, bool) {
	b, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return 0, false
	}
	_, rest, ok := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return 0, false
	}
	n, err := strconv.ParseInt(fields[19], 10, 64)
	return time.Duration(n) * time.Second / ticks, err == nil
}
