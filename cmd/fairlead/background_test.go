package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// background is a program that runs beside a script.
type background struct {
	cmd  *exec.Cmd
	done chan error
}

// background VAR PROGRAM ARGS...: starts a program, puts its process ID into a variable, and what it writes into VAR.out and VAR.err.
func cmdBackground(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 2, "background VAR PROGRAM [ARGS]")
	path := filepath.Join(shared.bin, args[1])
	if _, err := os.Stat(path); err != nil {
		path = args[1]
	}
	cmd := exec.Command(path, args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = environ(ts)
	for _, to := range []struct {
		suffix string
		set    func(*os.File)
	}{{".out", func(f *os.File) { cmd.Stdout = f }}, {".err", func(f *os.File) { cmd.Stderr = f }}} {
		f, err := os.Create(ts.MkAbs(args[0] + to.suffix))
		ts.Check(err)
		defer f.Close()
		to.set(f)
	}
	ts.Check(cmd.Start())
	b := &background{cmd: cmd, done: make(chan error, 1)}
	go func() { b.done <- cmd.Wait() }()
	s := stageOf(ts)
	if s.backgrounds == nil {
		s.backgrounds = map[string]*background{}
	}
	s.backgrounds[args[0]] = b
	ts.Setenv(args[0], strconv.Itoa(cmd.Process.Pid))
}

// ended VAR CODE: the program ends within seconds, with just that code.
func cmdEnded(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "ended VAR CODE")
	s := stageOf(ts)
	b := s.backgrounds[args[0]]
	if b == nil {
		ts.Fatalf("%s: nothing was started by that name", args[0])
	}
	select {
	case err := <-b.done:
		delete(s.backgrounds, args[0])
		code := 0
		var e *exec.ExitError
		if errors.As(err, &e) {
			code = e.ExitCode()
		}
		if fmt.Sprint(code) != args[1] {
			ts.Fatalf("%s: exit code %d, not %s\n%s%s", args[0], code, args[1], ts.ReadFile(args[0]+".out"), ts.ReadFile(args[0]+".err"))
		}
	case <-time.After(90 * time.Second):
		ts.Fatalf("%s: it has not ended", args[0])
	}
}

// endBackgrounds ends what a script that failed left running.
func (s *stage) endBackgrounds() {
	for _, b := range s.backgrounds {
		_ = b.cmd.Process.Kill()
		<-b.done
	}
}
