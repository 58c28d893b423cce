package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/fairlead-dev/fairlead/cmd/internal/view"
	"github.com/fairlead-dev/fairlead/executor/ctrd"
	"github.com/fairlead-dev/fairlead/executor/machine"
	"github.com/fairlead-dev/fairlead/spec"
)

// engine is a private containerd in a directory of its own below the data root: own root, state and socket. Nothing of the system's is
// touched.
type engine struct{ dir string }

func (a *app) engine() engine { return engine{machine.Paths{Root: a.dataRoot}.Engine()} }

func (e engine) root() string    { return filepath.Join(e.dir, "root") }
func (e engine) state() string   { return filepath.Join(e.dir, "state") }
func (e engine) socket() string  { return filepath.Join(e.dir, "containerd.sock") }
func (e engine) config() string  { return filepath.Join(e.dir, "containerd.toml") }
func (e engine) log() string     { return filepath.Join(e.dir, "containerd.log") }
func (e engine) pidFile() string { return filepath.Join(e.dir, "containerd.pid") }

// ttrpc is what containerd adds to its socket's name for another that its shims use.
const ttrpc = ".ttrpc"

// engineConfig leaves out what a private engine has no use for, so that it starts anywhere.
const engineConfig = `version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp", "io.containerd.nri.v1.nri"]

[grpc]
  address = %q

[plugins."io.containerd.internal.v1.restart"]
  interval = "2s"
`

func engineCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "engine", Short: "a private containerd for a first try, a laptop or CI",
		Example: "  fairlead engine start\n  export CONTAINERD_ADDRESS=$(fairlead engine status)"}
	var purge bool
	stop := &cobra.Command{Use: "stop", Short: "end it and all that runs in it", Args: cobra.NoArgs, Example: "  fairlead engine stop --purge",
		RunE: func(*cobra.Command, []string) error {
			e := a.engine()
			if err := e.stop(purge); err != nil || !a.json {
				return err
			}
			return e.writeJSON()
		}}
	stop.Flags().BoolVar(&purge, "purge", false, "delete its images and containers, too")
	cmd.AddCommand(
		&cobra.Command{Use: "start", Short: "start it", Args: cobra.NoArgs, Example: "  fairlead engine start --data-root /tmp/try",
			RunE: func(cmd *cobra.Command, _ []string) error {
				e := a.engine()
				ctx, stop := a.untilInterrupted(cmd.Context())
				defer stop()
				if err := e.start(ctx); err != nil {
					return err
				}
				if a.json {
					return e.writeJSON()
				}
				stdout.say("containerd serves at %s. Use it with:\n%s\n", view.Whole(e.socket()), view.Whole("  export CONTAINERD_ADDRESS="+shellWord(e.socket())))
				return nil
			}},
		stop,
		&cobra.Command{Use: "status", Short: "say where it serves; exit 1 if it doesn't", Args: cobra.NoArgs, Example: "  fairlead engine status --json",
			RunE: func(cmd *cobra.Command, _ []string) error {
				e := a.engine()
				runs := e.pid() != 0
				if a.json {
					if err := e.writeJSON(); err != nil {
						return err
					}
					if !runs {
						return exitCode(exitTrouble)
					}
				}
				if !runs {
					return errors.New("the private engine does not run: fairlead engine start")
				}
				if err := e.checkAnswers(cmd.Context()); err != nil || a.json {
					return err
				}
				fmt.Fprintln(stdout, e.socket())
				return nil
			}})
	return cmd
}

// checkAnswers asks the daemon, which must answer within a bound. Who may not ask it learns only that it runs.
func (e engine) checkAnswers(ctx context.Context) error {
	r, err := ctrd.OpenReader(ctx, ctrd.Options{Address: e.socket()})
	var hangs *ctrd.Hangs
	switch {
	case err == nil:
		return r.Close()
	case errors.As(err, &hangs):
		return fmt.Errorf("the private engine, process %d, doesn't answer: it hangs. End it and start it again: fairlead engine stop && fairlead engine start", e.pid())
	case errors.Is(err, fs.ErrPermission) || os.Geteuid() != 0:
		return nil
	}
	return err
}

func (e engine) writeJSON() error {
	pid := e.pid()
	return view.JSON(stdout, map[string]any{"format": "fairlead.engine", "version": view.Version, "running": pid != 0, "pid": pid, "address": e.socket()})
}

// shellWord quotes a word for a shell where it must be.
func shellWord(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("/._-+:@%,", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// pid is the engine's process, checked to be that; 0 where none runs.
func (e engine) pid() int {
	p, _ := e.process()
	return p.PID
}

// process is the daemon, if it runs.
func (e engine) process() (machine.Process, bool) {
	text, err := os.ReadFile(e.pidFile())
	if err != nil {
		return machine.Process{}, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return machine.Process{}, false
	}
	p, ok := machine.Look(pid)
	if !ok || !slices.ContainsFunc(p.Args, func(arg string) bool { return sameFile(arg, e.config()) }) {
		return machine.Process{}, false
	}
	return p, true
}

// sameFile tells whether two paths, perhaps over symbolic links, name one file. The file may be gone.
func sameFile(a, b string) bool {
	if !filepath.IsAbs(a) || filepath.Base(a) != filepath.Base(b) {
		return false
	}
	at, err := filepath.EvalSymlinks(filepath.Dir(a))
	bt, berr := filepath.EvalSymlinks(filepath.Dir(b))
	return a == b || err == nil && berr == nil && at == bt
}

func (e engine) start(ctx context.Context) error {
	if e.pid() != 0 {
		return nil
	}
	binary, err := findProgram("containerd")
	if err != nil {
		return err
	}
	if long := len(e.socket()+ttrpc) - machine.MaxSocket; long > 0 {
		return fmt.Errorf("engine: %s is %d bytes too long for a socket: choose a shorter --data-root", e.socket()+ttrpc, long)
	}
	if strings.ContainsAny(e.dir, `:,\`) {
		return fmt.Errorf("engine: %s: a mount's options can't name a directory with a colon, a comma or a backslash: choose another --data-root", e.dir)
	}
	if err := machine.CheckOwned(filepath.Dir(e.dir)); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	if err := os.MkdirAll(e.dir, 0o711); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	for _, dir := range []string{e.root(), e.state()} { // nobody may have put a link or a directory of his there
		if err := machine.CheckOwned(dir); err != nil {
			return fmt.Errorf("engine: %w", err)
		}
	}
	settings := fmt.Sprintf(engineConfig, e.root(), e.state(), e.socket())
	if err := spec.ReplaceFile(e.config(), 0o644, spec.Content([]byte(settings))); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	out, err := os.OpenFile(e.log(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	defer out.Close()
	cmd := exec.Command(binary, "--config", e.config())
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	if err := spec.ReplaceFile(e.pidFile(), 0o644, spec.Content([]byte(strconv.Itoa(cmd.Process.Pid)+"\n"))); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for begin := time.Now(); time.Since(begin) < 30*time.Second; time.Sleep(50 * time.Millisecond) {
		if conn, err := net.Dial("unix", e.socket()); err == nil {
			return conn.Close()
		}
		select {
		case err := <-ended:
			return fmt.Errorf("engine: containerd ended (%w): see %s", err, e.log())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), e.stop(false))
		default:
		}
	}
	return fmt.Errorf("engine: containerd does not serve after 30 s: see %s", e.log())
}

// findProgram finds a program of the engine.
func findProgram(name string) (string, error) {
	path, err := machine.FindProgram(name)
	if err != nil {
		return "", fmt.Errorf("%s is neither beside fairlead nor on the PATH: install it (Debian: apt install containerd runc), or build it with make build", name)
	}
	return path, nil
}

// stop ends the shims of this engine with what they run, the daemon, and the mounts that they leave.
func (e engine) stop(purge bool) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("engine: %w", err)
		}
	}()
	if p, ok := e.process(); ok {
		if err := p.End(context.Background(), endGrace); err != nil {
			return err
		}
	}
	for _, shim := range e.shims() {
		for _, p := range append(shim.Descendants(), shim) {
			if err := p.Kill(); err != nil {
				return err
			}
		}
	}
	if err := e.unmount(purge); err != nil {
		return err
	}
	if purge {
		return machine.RemoveTree(e.dir)
	}
	for _, path := range []string{e.pidFile(), e.socket(), e.socket() + ttrpc} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return machine.RemoveTree(e.state())
}

// unmount takes away what a daemon and its shims left mounted. Somebody's disk at the root or the state is no such mount, and stays unless all is to go.
func (e engine) unmount(purge bool) error {
	var keep []string
	if !purge {
		keep = []string{e.root(), e.state()}
	}
	return machine.UnmountBelow(e.dir, keep...)
}

// endGrace is how long a daemon that was asked to end may take, before it is made to.
const endGrace = 10 * time.Second

// shims are the processes that were started with this engine's socket.
func (e engine) shims() []machine.Process {
	return machine.ByArgs(func(args []string) bool {
		return strings.Contains(args[0], "containerd-shim") && slices.ContainsFunc(args, func(arg string) bool { return sameFile(arg, e.socket()) })
	})
}
