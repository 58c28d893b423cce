package ctrd

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/errdefs"

	"github.com/fairlead-dev/fairlead/executor/machine"
)

// DefaultStartTimeout is how long a runtime, with its hooks, may take to start a process.
const DefaultStartTimeout = 2 * time.Minute

// leftoverAfter is how long the making of a task may take before a leftover is looked for that keeps it. It takes some tenths of a second, or as
// long as hooks and virtual machines take. A shim of its own that has made no progress for as long as one may take to answer is stuck: a
// daemon that is still clearing up after the task before may take the new one's files too.
const leftoverAfter = 5 * time.Second

// startWatch looks after the shims of one container while a call makes its task.
type startWatch struct {
	writer *Writer
	id     string
	begun  time.Time
	quit   chan struct{}
	done   chan struct{}
}

func (w *Writer) watchStart(id string) *startWatch {
	s := &startWatch{writer: w, id: id, begun: time.Now(), quit: make(chan struct{}), done: make(chan struct{})}
	go s.run()
	return s
}

func (s *startWatch) stop() {
	close(s.quit)
	<-s.done
}

func (s *startWatch) run() {
	defer close(s.done)
	tick := time.NewTicker(leftoverAfter)
	defer tick.Stop()
	progress, idle := map[int]startProgress{}, map[int]int{} // by PID
	for {
		select {
		case <-s.quit:
			return
		case <-tick.C:
		}
		old, own := s.shims()
		_ = endShims(old) // what can't be ended fails the start, by its timeout
		for _, shim := range own {
			if askShim(context.Background(), shim, s.writer.opts.Namespace, s.id) != shimIdle {
				delete(idle, shim.PID)
			} else if idle[shim.PID]++; idle[shim.PID] > 1 { // it has nothing to do, and the call waits all the same: it is a leftover's
				_ = endShims([]machine.Process{shim})
			}
			p := progress[shim.PID].next(shim, shim.Descendants(), time.Now())
			progress[shim.PID] = p
			if time.Since(p.since) >= s.writer.opts.answerTimeout() {
				_ = endShims([]machine.Process{shim})
			}
		}
	}
}

// shims gives the container's shims that were there before the start, in which nothing runs by then, and those that came with it.
func (s *startWatch) shims() (old, own []machine.Process) {
	up, err := machine.Uptime()
	if err != nil {
		return nil, nil
	}
	for _, shim := range shimsOf(s.writer.opts.Namespace)[s.id] {
		if up-shim.Started > time.Since(s.begun)+time.Second {
			old = append(old, shim)
		} else {
			own = append(own, shim)
		}
	}
	return old, own
}

// startProgress is how far a starting shim has come, by what the kernel shows of it.
type startProgress struct {
	cpu   time.Duration
	since time.Time // of which there was none; zero: it was not looked at yet
}

// next looks again. A runtime or hook that lives, even one that sleeps, and time of the processor that was used, are progress. A shim
// that somebody stopped, or that hangs in the kernel, is slow through no fault of its own.
func (p startProgress) next(shim machine.Process, descendants []machine.Process, now time.Time) startProgress {
	waits := shim.State == 'S' || shim.State == 'I'
	if p.since.IsZero() || shim.CPU > p.cpu || len(descendants) > 0 || !waits {
		return startProgress{cpu: shim.CPU, since: now}
	}
	return p
}

// notStarted explains why a start failed, and ends what it began where its time is over.
func (w *Writer) notStarted(ctx context.Context, id string, watch *startWatch, err error) error {
	if ctx.Err() == nil || !errdefs.IsDeadlineExceeded(err) && !errdefs.IsDeadlineExceeded(ctx.Err()) {
		return err
	}
	if _, own := watch.shims(); len(own) > 0 {
		err = fmt.Errorf("its runtime has not started it within %s. Where a hook or a virtual machine takes that long, say so with --start-timeout", w.opts.startTimeout())
		if eerr := endShims(own); eerr != nil {
			return fmt.Errorf("%w; %w", err, eerr)
		}
	}
	return err
}
