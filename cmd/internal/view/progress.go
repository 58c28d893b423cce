package view

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/planner"
)

// Progress folds the events of a run into lines: in a terminal a block that is redrawn, else a line for each thing that ends
// and for what takes long.
type Progress struct {
	w     io.Writer
	plan  *planner.Plan
	style Style
	live  bool
	quiet bool

	running  map[int]executor.Event // the last event of each step under way
	order    []int
	drawn    int // lines of the block on the screen
	last     time.Time
	reported map[int]time.Time
	tail     map[int][]string // the last lines of what each step under way says
	passed   map[int]bool     // changes of which a step was passed over
}

// NewProgress makes a Progress. live is whether w is a terminal.
func NewProgress(w io.Writer, p *planner.Plan, s Style, live, quiet bool) *Progress {
	return &Progress{w: w, plan: p, style: s, live: live, quiet: quiet, running: map[int]executor.Event{}, reported: map[int]time.Time{}, tail: map[int][]string{}, passed: map[int]bool{}}
}

// How often a block is redrawn, and how often a plain line tells of a step that takes long.
const (
	redraw      = 100 * time.Millisecond
	reportEvery = 5 * time.Second
)

// Event takes the next event.
func (p *Progress) Event(e executor.Event) {
	id := e.Step.ID
	switch e.Kind {
	case executor.Started:
		p.running[id] = e
		p.order = append(p.order, id)
		p.reported[id] = e.At
	case executor.Progressed:
		p.addLines(e)
		p.running[id] = e
		if !p.onTerminal() && !p.quiet && e.At.Sub(p.reported[id]) > reportEvery {
			p.reported[id] = e.At
			p.say("%s", p.stepLine(e))
		}
	case executor.Succeeded, executor.Failed:
		p.removeStep(id)
		if !p.quiet || e.Kind == executor.Failed {
			p.say("%s", p.stepLine(e))
		}
	case executor.Passed:
		p.leaveAlone(e)
	case executor.Undone:
		if e.Err == nil {
			p.say("%s %d of %d  %s is undone", p.style.paint(yellow, "<"), id, len(p.plan.Steps), stepTitle(p.plan, e.Step))
		}
	case executor.Skipped:
		p.removeStep(id) // a build that was interrupted
		return
	}
	p.drawBlock(e.At)
}

// tailLines is how many of a step's last lines a terminal shows below it.
const tailLines = 4

// addLines shows what a step says: below it in a terminal, else as it comes.
func (p *Progress) addLines(e executor.Event) {
	id := e.Step.ID
	for _, l := range e.Progress.Lines {
		l = Line(l)
		if !p.onTerminal() && !p.quiet {
			p.say("%s %d of %d  %s", p.style.paint(dim, "|"), id, len(p.plan.Steps), l)
			p.reported[id] = e.At
		}
		p.tail[id] = append(p.tail[id], l)
	}
	p.tail[id] = p.tail[id][max(0, len(p.tail[id])-tailLines):]
}

// leaveAlone says, once for a change, that it is left alone: what it depends on came out as before.
func (p *Progress) leaveAlone(e executor.Event) {
	c := e.Step.Change
	if c < 0 || p.passed[c] {
		return
	}
	var from []string
	for _, id := range e.Step.If {
		if by := p.plan.Steps[id-1].Change; by == c {
			return // a tag or a push of what came out as before
		} else if by >= 0 {
			from = append(from, p.plan.Changes[by].Addr.String())
		}
	}
	p.passed[c] = true
	if p.quiet {
		return
	}
	p.say("%s %d of %d  %s is left alone: %s came out as before", p.style.paint(dim, "="), e.Step.ID, len(p.plan.Steps), p.plan.Changes[c].Addr, strings.Join(from, ", "))
}

// Left are the changes that came to nothing.
func (p *Progress) Left() map[int]bool { return p.passed }

func (p *Progress) removeStep(id int) {
	delete(p.running, id)
	delete(p.tail, id)
	for i, o := range p.order {
		if o == id {
			p.order = append(p.order[:i], p.order[i+1:]...)
			return
		}
	}
}

// stepLine is one step in words.
func (p *Progress) stepLine(e executor.Event) string {
	mark := p.style.paint(dim, "·")
	switch e.Kind {
	case executor.Succeeded:
		mark = p.style.paint(green, "✓")
	case executor.Failed:
		mark = p.style.paint(red, "✗")
	}
	text := fmt.Sprintf("%s %d of %d  %s", mark, e.Step.ID, len(p.plan.Steps), stepTitle(p.plan, e.Step))
	if e.Took > 0 {
		text += "  " + Duration(e.Took)
	}
	if e.Progress.Total > 0 {
		text += fmt.Sprintf("  %s of %s", planner.Bytes(e.Progress.Done), planner.Bytes(e.Progress.Total))
	}
	if e.Progress.Note != "" {
		text += "  " + Line(e.Progress.Note)
	}
	return text
}

func (p *Progress) drawBlock(now time.Time) {
	if !p.onTerminal() || p.quiet || now.Sub(p.last) < redraw {
		return
	}
	p.clearBlock()
	p.last = now
	var b strings.Builder
	for _, id := range p.order {
		b.WriteString(cutLine(p.stepLine(p.running[id]), p.style.width()-1) + "\n")
		p.drawn++
		for _, l := range p.tail[id] {
			b.WriteString(p.style.paint(dim, cutLine("    "+l, p.style.width()-1)) + "\n")
			p.drawn++
		}
	}
	io.WriteString(p.w, b.String())
}

// say writes a line above the block.
func (p *Progress) say(format string, args ...any) {
	p.clearBlock()
	io.WriteString(p.w, Wrap(fmt.Sprintf(format, args...), p.style.Width)+"\n")
}

// onTerminal tells whether there is a terminal for the block; it may have gone since the run began.
func (p *Progress) onTerminal() bool {
	w, ok := p.w.(interface{ Bare() bool })
	return p.live && (!ok || !w.Bare())
}

// clearBlock removes the block from the screen.
func (p *Progress) clearBlock() {
	if p.drawn > 0 {
		fmt.Fprintf(p.w, "%s[%dA%s[J", own, p.drawn, own)
		p.drawn = 0
	}
}

// End leaves the screen clean.
func (p *Progress) End() { p.clearBlock() }

// Hashing gives a function that writes a line for how far the hashing of a large context is, in bytes. Several goroutines may call it.
func Hashing(w io.Writer, s Style) func(path string, done, total int64) {
	var mu sync.Mutex
	return func(path string, done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintf(w, "%s hashing %s  %s of %s\n", s.paint(dim, "|"), Line(path), planner.Bytes(done), planner.Bytes(total)) // if nobody reads it, nothing is lost
	}
}
