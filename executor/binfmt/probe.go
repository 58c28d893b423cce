package binfmt

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

//go:generate probe/build

//go:embed probe/386 probe/amd64 probe/arm probe/arm64 probe/loong64 probe/mips probe/mips64 probe/mips64le probe/mipsle
//go:embed probe/ppc64le probe/riscv64 probe/s390x
var programs embed.FS

// ErrNoHandler is the error for a platform that neither the processor nor a handler runs programs of.
var ErrNoHandler = errors.New("nothing here runs its programs")

// probeTimeout bounds a probe. An emulator takes some milliseconds.
const probeTimeout = 10 * time.Second

// Probe runs a program of a platform, which starts another; nil: it works. If it may, it gives the program a root with nothing else
// in it, as only a handler with F serves in a container. It leaves nothing behind, however this process ends.
func Probe(ctx context.Context, platform string) error {
	m, known := machineOf(platform)
	if !known {
		return fmt.Errorf("platform %s: no emulator of it is known", platform)
	}
	if err := m.probe(ctx); err != nil {
		return fmt.Errorf("platform %s: %w", platform, err)
	}
	return nil
}

func (m machine) probe(ctx context.Context) error {
	program, err := programs.ReadFile("probe/" + m.arch())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	cmd, done, err := inEmptyRoot(program)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) { // not root, or a kernel older than 5.2
		cmd, done, err = inMemory(program)
	}
	if err != nil {
		return fmt.Errorf("making a program to run: %w", err)
	}
	defer done()
	return runProbe(ctx, cmd)
}

func runProbe(ctx context.Context, cmd *exec.Cmd) error {
	var said bytes.Buffer
	cmd.Env, cmd.Stderr = []string{}, &said
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		return startError(err)
	}
	finished := make(chan error, 1)
	go func() { finished <- cmd.Wait() }()
	select {
	case <-ctx.Done():
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its child as well
		<-finished
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("a program of it did not end within %s", probeTimeout)
		}
		return ctx.Err()
	case err := <-finished:
		return probeError(cmd.ProcessState, err, said.String())
	}
}

// inEmptyRoot puts the program alone into a root of its own, which is mounted nowhere and ends with the last who has it open.
func inEmptyRoot(program []byte) (*exec.Cmd, func(), error) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, nil, err
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, nil, err
	}
	root, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	if err := writeProgram(root, program); err != nil {
		unix.Close(root)
		return nil, nil, err
	}
	cmd := &exec.Cmd{
		Path: "/probe", Args: []string{"probe", "/probe", "x"}, Dir: "/",
		SysProcAttr: &syscall.SysProcAttr{Chroot: "/proc/self/fd/" + strconv.Itoa(root)},
	}
	return cmd, func() { unix.Close(root) }, nil
}

// writeProgram lets nobody fork meanwhile: a child with the file open for writing would keep it from being run.
func writeProgram(dir int, program []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Openat(dir, "probe", unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o755)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "probe")
	_, err = f.Write(program)
	return errors.Join(err, f.Close())
}

// inMemory gives the program no name but that of an open file.
func inMemory(program []byte) (*exec.Cmd, func(), error) {
	fd, err := unix.MemfdCreate("probe", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, nil, err
	}
	f := os.NewFile(uintptr(fd), "probe")
	if _, err := f.Write(program); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	const path = "/proc/self/fd/3" // as the first of ExtraFiles
	cmd := &exec.Cmd{Path: path, Args: []string{"probe", path, "x"}, ExtraFiles: []*os.File{f}, SysProcAttr: &syscall.SysProcAttr{}}
	return cmd, func() { f.Close() }, nil
}

func startError(err error) error {
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		return ErrNoHandler
	case errors.Is(err, syscall.ENOENT):
		return errors.New("its emulator, or a library of it, is not found in a container's root: it must be static, and registered with flag F")
	}
	return fmt.Errorf("starting a program of it: %w", err)
}

// exitMeanings are the exit codes of the program; probe/README.md has them.
var exitMeanings = map[int]string{
	21: "its emulator loses an argument: it wants flag P, and its handler has it not",
	22: "its emulator gets an argument too many: its handler has flag P, and it knows nothing of that",
	23: "a program of it runs, and cannot start another one",
}

func probeError(state *os.ProcessState, err error, said string) error {
	code := state.ExitCode()
	if code == 42 {
		return nil
	}
	why, ok := exitMeanings[code]
	switch {
	case ok:
		err = errors.New(why)
	case code == 0:
		err = errors.New("a program of it ended with 0, and not as it was made to")
	default:
		err = fmt.Errorf("a program of it does not run: %w", err)
	}
	if line, _, _ := strings.Cut(strings.TrimSpace(said), "\n"); line != "" {
		return fmt.Errorf("%w; it said %q", err, line)
	}
	return err
}
