package buildkit

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/fairlead-dev/fairlead/executor"
)

const (
	reportEvery = 100 * time.Millisecond // a terminal shows no more
	tailLines   = 20                     // of a step's output, kept for its failure
	maxLine     = 2000                   // bytes of a line of output that are shown
	internal    = "[internal] "          // begins the names of BuildKit's own steps
)

// view folds what BuildKit says of a build into progress.
type view struct {
	report func(executor.Progress)

	mu       sync.Mutex
	steps    map[digest.Digest]*step
	running  []*step // in the order in which they began
	statuses map[string]*client.VertexStatus
	lines    []string // not reported yet
}

// step is one vertex of the build's graph.
type step struct {
	name    string
	begun   *time.Time
	ended   bool
	partial string   // of a line of output
	tail    []string // the last lines of output
}

func newView(report func(executor.Progress)) *view {
	if report == nil {
		report = func(executor.Progress) {}
	}
	return &view{report: report, steps: map[digest.Digest]*step{}, statuses: map[string]*client.VertexStatus{}}
}

// note reports what happens before the build, in a log too.
func (v *view) note(s string) { v.report(executor.Progress{Note: s, Lines: []string{s}}) }

// follow takes all that comes, until there is no more.
func (v *view) follow(statuses <-chan *client.SolveStatus) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	dirty := false
	for {
		select {
		case s, ok := <-statuses:
			if !ok {
				v.flush()
				return
			}
			v.foldStatus(s)
			dirty = true
		case <-tick.C:
			if dirty {
				v.flush()
				dirty = false
			}
		}
	}
}

func (v *view) foldStatus(s *client.SolveStatus) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, x := range s.Vertexes {
		v.foldVertex(x)
	}
	for _, x := range s.Statuses {
		v.statuses[x.ID+" "+x.Vertex.String()] = x
	}
	for _, l := range s.Logs {
		if st := v.steps[l.Vertex]; st != nil {
			v.foldOutput(st, string(l.Data))
		}
	}
	for _, w := range s.Warnings {
		v.lines = append(v.lines, "warning: "+string(w.Short))
	}
}

func (v *view) foldVertex(x *client.Vertex) {
	st := v.steps[x.Digest]
	if st == nil {
		st = &step{}
		v.steps[x.Digest] = st
	}
	st.name = oneLine(x.Name)
	if x.Started != nil && st.begun == nil {
		st.begun = x.Started
		v.running = append(v.running, st)
	}
	if x.Completed == nil || st.ended {
		return
	}
	st.ended = true
	v.running = withoutStep(v.running, st)
	if st.partial != "" {
		v.foldOutput(st, "\n")
	}
	own := strings.HasPrefix(st.name, internal) || strings.HasSuffix(st.name, "] load .dockerignore")
	switch {
	case strings.HasSuffix(x.Error, context.Canceled.Error()): // it was interrupted, or another step failed
		v.lines = append(v.lines, "CANCELED "+st.name)
	case x.Error != "":
		v.lines = append(v.lines, "ERROR "+st.name)
	case own:
	case x.Cached:
		v.lines = append(v.lines, "CACHED "+st.name)
	case x.Started != nil:
		v.lines = append(v.lines, fmt.Sprintf("%s %.1fs", st.name, x.Completed.Sub(*x.Started).Seconds()))
	}
}

// foldOutput takes what a step printed: whole lines are shown, with the step's tag before them.
func (v *view) foldOutput(st *step, data string) {
	parts := strings.Split(st.partial+data, "\n")
	st.partial = parts[len(parts)-1]
	tag := tagOf(st.name)
	for _, line := range parts[:len(parts)-1] {
		line = lastWritten(line)
		st.tail = append(st.tail, line)
		if len(st.tail) > tailLines {
			st.tail = st.tail[1:]
		}
		v.lines = append(v.lines, tag+line)
	}
}

// flush reports what is new.
func (v *view) flush() {
	v.mu.Lock()
	p := executor.Progress{Lines: v.lines}
	v.lines = nil
	for i := len(v.running) - 1; i >= 0; i-- {
		if p.Note == "" || strings.HasPrefix(p.Note, internal) {
			p.Note = v.running[i].name
		}
	}
	for _, s := range v.statuses {
		if s.Total > 0 {
			p.Done += s.Current
			p.Total += s.Total
		}
	}
	v.mu.Unlock()
	v.report(p)
}

// step gives the name and the last lines of output of a step.
func (v *view) step(d digest.Digest) (name string, tail []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	st := v.steps[d]
	if st == nil {
		return "", nil
	}
	return st.name, st.tail
}

// tagOf gives "[build 3/5] " of "[build 3/5] RUN go build".
func tagOf(name string) string {
	if tag, _, ok := strings.Cut(name, "] "); ok && strings.HasPrefix(tag, "[") {
		return tag + "] "
	}
	return ""
}

// oneLine folds a name that has more lines, as that of a heredoc.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// lastWritten gives what a terminal shows of a line that overwrites itself, bounded.
func lastWritten(line string) string {
	line = strings.TrimRight(line, "\r")
	line = line[strings.LastIndex(line, "\r")+1:]
	if len(line) > maxLine {
		line = strings.ToValidUTF8(line[:maxLine], "") + "…"
	}
	return line
}

func withoutStep(steps []*step, st *step) []*step {
	out := steps[:0]
	for _, s := range steps {
		if s != st {
			out = append(out, s)
		}
	}
	return out
}
