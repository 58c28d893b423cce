package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// interruption is how the program hears that it is to end. What changes the host ends in order at the first interrupt, and at once at the
// second; what only looks ends at once. A terminal or a reader that went away is one interrupt, in however many ways it is told.
type interruption struct {
	mu     sync.Mutex
	cancel context.CancelFunc // of what changes the host; nil: nothing does now
	heard  bool
	asking bool // a question is on the terminal: nothing has begun
}

// program is the one of this program.
var program interruption

// listen begins to hear signals. A SIGHUP that was ignored when the program began, as nohup has it, stays so.
func (i *interruption) listen() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		for s := range signals {
			i.handle(s == syscall.SIGHUP)
		}
	}()
}

// handle takes an interrupt. gone: a terminal or a reader went away, which counts once, however many signals and outputs say so.
func (i *interruption) handle(gone bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.heard && gone:
	case i.heard || i.cancel == nil:
		os.Exit(exitInterrupt)
	default:
		i.heard = true
		if i.asking {
			stderr.say("\n")
			i.cancel()
			return
		}
		stderr.say("\nInterrupted: steps that have begun are finished, no other is started. Ctrl-C again stops at once.\n")
		i.cancel()
	}
}

// whileAsking notes that a question is on the terminal, until answered is called.
func (i *interruption) whileAsking() (answered func()) {
	set := func(asking bool) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.asking = asking
	}
	set(true)
	return func() { set(false) }
}

func (i *interruption) wasHeard() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.heard
}

// untilInterrupted gives a context that ends at the first interrupt, for what changes the host, until the function that it gives is called. The
// outputs are watched meanwhile: where one goes away, what is written to it from then on goes into a file.
func (a *app) untilInterrupted(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signal.Ignore(syscall.SIGPIPE)
	program.mu.Lock()
	program.cancel = cancel
	program.mu.Unlock()
	quit := a.watchOutputs()
	return ctx, func() {
		quit()
		program.mu.Lock()
		program.cancel = nil
		program.mu.Unlock()
		cancel()
	}
}

// watchOutputs waits until the standard output or error is a pipe that nobody reads, or a terminal that is gone, and puts a file in its place. The
// kernel tells of that by itself: nothing has to be written to it first, and no write fails.
func (a *app) watchOutputs() (quit func()) {
	var pipe [2]int
	if unix.Pipe2(pipe[:], unix.O_CLOEXEC) != nil {
		return func() {}
	}
	outputs := []unix.PollFd{{Fd: 1}, {Fd: 2}, {Fd: int32(pipe[0]), Events: unix.POLLIN}}
	nohup := signal.Ignored(syscall.SIGHUP)
	var terminals [2]bool
	for i := range terminals {
		terminals[i] = term.IsTerminal(int(outputs[i].Fd))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for outputs[2].Revents == 0 {
			if _, err := unix.Poll(outputs, -1); err != nil {
				if err == unix.EINTR {
					continue
				}
				return
			}
			interrupts := false
			for i := range terminals {
				if outputs[i].Revents != 0 {
					a.keepOutput(int(outputs[i].Fd))
					outputs[i] = unix.PollFd{Fd: -1} // it is watched no more
					interrupts = interrupts || !terminals[i] || !nohup
				}
			}
			if interrupts { // once there is a place for what it says
				program.handle(true)
			}
		}
	}()
	return func() {
		_, _ = unix.Write(pipe[1], []byte{0}) // it has room for one
		<-done
		_ = unix.Close(pipe[0])
		_ = unix.Close(pipe[1])
	}
}
