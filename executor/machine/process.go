package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is one process as /proc showed it: enough to know it again.
type Process struct {
	PID     int
	Parent  int
	State   byte          // of proc_pid_stat(5): R, S, D, T, t, Z
	Started time.Duration // since the machine was booted
	CPU     time.Duration // that it has used by itself
	Args    []string      // its command line; empty for a kernel thread and a zombie
}

// ticks is how many of the kernel's units of time a second has: USER_HZ, the same everywhere.
const ticks = 100

// Look reads one process. It gives false where there is none, or one that has ended and waits for its parent.
func Look(pid int) (Process, bool) {
	p := Process{PID: pid}
	stat, err := os.ReadFile(p.path("stat"))
	if err != nil {
		return p, false
	}
	// The name before the last ")" may hold anything, so fields are counted from there: the first is number 3 of the manual's.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return p, false
	}
	number := func(field int) int64 {
		n, nerr := strconv.ParseInt(fields[field-3], 10, 64)
		err = errors.Join(err, nerr)
		return n
	}
	p.State = fields[0][0]
	p.Parent = int(number(4))
	p.CPU = time.Duration(number(14)+number(15)) * time.Second / ticks
	p.Started = time.Duration(number(22)) * time.Second / ticks
	p.Args = argsOf(pid)
	return p, err == nil && p.State != 'Z' && p.State != 'X'
}

func (p Process) path(name string) string { return filepath.Join("/proc", strconv.Itoa(p.PID), name) }

func argsOf(pid int) []string {
	raw, err := os.ReadFile(Process{PID: pid}.path("cmdline"))
	if err != nil || len(raw) == 0 {
		return nil
	}
	return strings.Split(string(bytes.TrimRight(raw, "\x00")), "\x00")
}

// pids gives all processes of the machine but the first.
func pids() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // what could be read counts
	var out []int
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil && pid > 1 {
			out = append(out, pid)
		}
	}
	slices.Sort(out)
	return out
}

// ByArgs gives the processes whose command line matches.
func ByArgs(match func(args []string) bool) []Process {
	var out []Process
	for _, pid := range pids() {
		if args := argsOf(pid); len(args) > 0 && match(args) {
			if p, ok := Look(pid); ok {
				out = append(out, p)
			}
		}
	}
	return out
}

// InCgroups gives, by name, the processes in control groups of these names or below: /NAMESPACE/NAME, or of systemd's PREFIX-NAME.scope.
func InCgroups(names []string) map[string][]Process {
	wanted := make(map[string]bool, len(names))
	for _, n := range names {
		wanted[n] = true
	}
	out := map[string][]Process{}
	for _, pid := range pids() {
		raw, err := os.ReadFile(Process{PID: pid}.path("cgroup"))
		if err != nil {
			continue
		}
		if name := groupOf(string(raw), wanted); name != "" {
			if p, ok := Look(pid); ok {
				out[name] = append(out[name], p)
			}
		}
	}
	return out
}

// groupOf finds one of the wanted names in a file cgroup of /proc: lines of hierarchy:controllers:path.
func groupOf(file string, wanted map[string]bool) string {
	for line := range strings.Lines(file) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) < 3 {
			continue
		}
		for dir := range strings.SplitSeq(parts[2], "/") {
			name := strings.TrimSuffix(dir, ".scope")
			if _, after, ok := strings.Cut(name, "-"); ok && name != dir && wanted[after] {
				return after
			}
			if wanted[name] {
				return name
			}
		}
	}
	return ""
}

// DirectoryGone tells whether the process's working directory has been removed.
func (p Process) DirectoryGone() bool {
	dir, err := os.Readlink(p.path("cwd"))
	return err == nil && strings.HasSuffix(dir, " (deleted)")
}

// Descendants gives a process's children, and theirs.
func (p Process) Descendants() []Process {
	children := map[int][]Process{}
	for _, pid := range pids() {
		if c, ok := Look(pid); ok {
			children[c.Parent] = append(children[c.Parent], c)
		}
	}
	out := slices.Clone(children[p.PID])
	for i := 0; i < len(out); i++ {
		out = append(out, children[out[i].PID]...)
	}
	return out
}

// Lives tells whether the process is still there, and still the one that was found: numbers are given again.
func (p Process) Lives() bool {
	now, ok := Look(p.PID)
	return ok && now.Started == p.Started && slices.Equal(now.Args, p.Args)
}

// Stopped tells whether somebody stopped the process: it hears nothing, and does nothing, until it is let go on.
func (p Process) Stopped() bool { return p.State == 'T' || p.State == 't' }

// Listens gives the paths of the Unix sockets on which the process takes connections. They may have been unlinked.
func (p Process) Listens() []string {
	fds, err := os.ReadDir(p.path("fd"))
	if err != nil {
		return nil
	}
	inodes := map[string]bool{}
	for _, fd := range fds {
		if target, err := os.Readlink(filepath.Join(p.path("fd"), fd.Name())); err == nil {
			if inode, ok := strings.CutPrefix(target, "socket:["); ok {
				inodes[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	table, err := os.ReadFile(p.path("net/unix"))
	if err != nil {
		return nil
	}
	const accepts = "00010000" // __SO_ACCEPTCON in the column Flags
	var out []string
	for line := range strings.Lines(string(table)) {
		// Num: RefCount Protocol Flags Type St Inode Path
		f := strings.Fields(line)
		if len(f) >= 8 && f[3] == accepts && inodes[f[6]] && !slices.Contains(out, f[7]) {
			out = append(out, strings.Join(f[7:], " "))
		}
	}
	return out
}

// Signal sends a signal to just the process that was found. The error is os.ErrProcessDone where it is there no more. Between finding
// and signalling its number may have been given to another; so it is held by a descriptor, looked at again, and signalled by that.
func (p Process) Signal(sig syscall.Signal) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	switch {
	case errors.Is(err, unix.ENOSYS): // Linux before 5.3
		if !p.Lives() {
			return os.ErrProcessDone
		}
		return p.explain(sig, unix.Kill(p.PID, sig))
	case err != nil:
		return p.explain(sig, err)
	}
	defer unix.Close(fd)
	if !p.Lives() {
		return os.ErrProcessDone
	}
	return p.explain(sig, unix.PidfdSendSignal(fd, sig, nil, 0))
}

func (p Process) explain(sig syscall.Signal, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ESRCH):
		return os.ErrProcessDone
	}
	return fmt.Errorf("process %d: %s: %w", p.PID, unix.SignalName(sig), err)
}

// Kill ends the process at once; one that has ended is no error.
func (p Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// killTimeout is how long a killed process may take to be gone: it may hang in the kernel for a while.
const killTimeout = 10 * time.Second

// End asks the process to end, kills it once the grace is over or ctx ends, and waits until it is gone.
func (p Process) End(ctx context.Context, grace time.Duration) error {
	err := p.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	asked, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if err == nil && p.await(asked) {
		return nil
	}
	if err := p.Kill(); err != nil {
		return err
	}
	killed, cancel := context.WithTimeout(context.WithoutCancel(ctx), killTimeout)
	defer cancel()
	if !p.await(killed) {
		return fmt.Errorf("process %d does not end, not even by SIGKILL, within %s: it hangs in the kernel, as on a disk or a network file system that doesn't answer", p.PID, killTimeout)
	}
	return nil
}

// await tells whether the process is gone before ctx ends.
func (p Process) await(ctx context.Context) bool {
	for p.Lives() {
		select {
		case <-ctx.Done():
			return !p.Lives()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return true
}

// Uptime is how long the machine has been up.
func Uptime() (time.Duration, error) {
	b, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0, err
	}
	word, _, _ := strings.Cut(string(b), " ")
	seconds, err := strconv.ParseFloat(word, 64)
	return time.Duration(seconds * float64(time.Second)), err
}
