package planner

import (
	"slices"
	"strings"
	"time"

	"github.com/fairlead-dev/fairlead/spec"
)

// connectFacts makes the edges of what containers have alone: who goes is stopped before who needs the same starts, and removed
// when that is ready. Who fails to come gives it back.
func (pb *planBuilder) connectFacts() {
	if len(pb.comers) == 0 && len(pb.takers) == 0 {
		return // nobody needs anything
	}
	handed := map[any]bool{}
	for _, h := range pb.handovers() {
		pb.arrange(h)
		for _, y := range h.to {
			handed[y] = true
		}
		for _, x := range h.from {
			handed[x] = true
		}
	}
	had := map[spec.Addr]*spec.Container{} // by those that are replaced
	for _, x := range pb.changers {
		had[x.addr] = x.was
	}
	pb.connectShifts(handed)
	pb.connectLikely(handed)
	by := map[exclusive][]*leaver{}
	for _, x := range pb.leavers {
		for _, f := range exclusives(x.was) {
			by[f] = append(by[f], x)
		}
	}
	for _, t := range pb.takers { // that have a predecessor of their own, or were there: they only wait, if nothing waits for them in turn
		was := had[t.want.Addr]
		for _, f := range exclusives(t.want) {
			if f != onHostNetwork && was != nil && slices.Contains(exclusives(was), f) {
				continue // it has had that beside the other one
			}
			for _, x := range by[f] {
				if x.stop != nil && slices.Contains(shared(x.was, t.want), f) {
					t.step.weak = append(t.step.weak, x.stop)
				}
			}
		}
	}
}

// connectLikely keeps a container that is removed until what looks like its successor is ready, also where they need nothing of each
// other: one of the two runs, whatever fails.
func (pb *planBuilder) connectLikely(handed map[any]bool) {
	for _, key := range []func(c *spec.Container) string{
		func(c *spec.Container) string { return c.Addr.Block().String() },
		func(c *spec.Container) string { return c.Image.Name },
	} {
		by := map[string][]*leaver{}
		for _, x := range pb.leavers {
			if !handed[x] && !x.live.Pending && x.stop != nil {
				by[key(x.was)] = append(by[key(x.was)], x)
			}
		}
		for _, y := range pb.comers {
			if xs := by[key(y.want)]; len(xs) > 0 && !handed[y] {
				pb.arrange(&handover{from: xs[:1], to: []*comer{y}, of: map[*comer][]*leaver{y: xs[:1]}})
				by[key(y.want)] = xs[1:]
				handed[xs[0]], handed[y] = true, true
			}
		}
	}
}

// connectShifts lets a container come after another one was replaced that had what it will have, as when the instances of a count move
// by one. Where they go in a circle, nobody can come first.
func (pb *planBuilder) connectShifts(handed map[any]bool) {
	by := map[string][]*leaver{}
	had := map[spec.Addr]string{} // how those that are replaced listened
	for _, x := range pb.changers {
		if holds(x.was) {
			k := listensAs(x.was)
			had[x.addr] = k
			by[k] = append(by[k], x)
		}
	}
	gone := map[string][]*leaver{}
	for _, x := range pb.leavers {
		if !handed[x] && x.stop != nil && x.up() && holds(x.was) {
			k := listensAs(x.was)
			gone[k] = append(gone[k], x)
		}
	}
	if len(by) == 0 && len(gone) == 0 {
		return
	}
	// moves gives how a container will listen; "" where it listened so before, or has nothing alone.
	moves := func(c *spec.Container) string {
		if !holds(c) {
			return ""
		}
		if k := listensAs(c); k != had[c.Addr] {
			return k
		}
		return ""
	}
	after := func(d *stepDraft, c *spec.Container, k string) {
		for _, x := range by[k] {
			if x.addr != c.Addr && len(common(x.was, c)) > 0 {
				d.weak = append(d.weak, x.remove)
			}
		}
	}
	for _, t := range pb.takers {
		k := moves(t.want)
		if k == "" {
			continue
		}
		after(t.step, t.want, k)
		if r := pb.decisionOf(t.want.Addr); r.replaces && len(gone[k]) > 0 && len(shared(gone[k][0].was, t.want)) > 0 {
			pb.moveInto(gone[k][0], t, r)
			handed[gone[k][0]] = true
			gone[k] = gone[k][1:]
		}
	}
	for _, y := range pb.comers {
		if k := moves(y.want); k != "" && !handed[y] {
			after(y.rise[0], y.want, k)
		}
	}
}

// moveInto lets a container that is replaced at its own address take over from one that is removed, too.
func (pb *planBuilder) moveInto(x *leaver, t taker, r *decision) {
	x.stop.wait(t.step.after...)
	t.step.wait(x.stop)
	t.step.uninterruptible = true
	x.remove.wait(r.startSteps[len(r.startSteps)-1])
	x.remove.uninterruptible = true
	if t.want.Update.Rollback {
		for _, d := range distinct(append([]*stepDraft{t.step}, r.mayFail...)) {
			d.undo = append(d.undo, x.again()...)
		}
	}
	x.change.Notes = append(x.change.Notes, "stopped before "+t.want.Addr.String()+" is replaced, removed when that is ready")
}

// connect makes the edges of one handover.
func (pb *planBuilder) arrange(h *handover) {
	var stops []*leaver
	for _, x := range h.from {
		switch {
		case x.stop == nil:
		case !h.besideAll(x):
			stops = append(stops, x)
		default: // all are there before it goes
			for _, y := range h.to {
				x.stop.wait(y.rise[len(y.rise)-1])
			}
		}
	}
	var after []*comer // that can't start before these have stopped
	for _, y := range h.to {
		if slices.ContainsFunc(h.from, func(x *leaver) bool { return x.stop == nil || !beside(x, y) }) {
			after = append(after, y)
		}
	}
	inner := pb.between(after)
	first := pb.awaitedBy(inner)
	for i, x := range stops {
		x.stop.wait(first...)
		if i == 0 {
			continue
		}
		x.stop.wait(stops[i-1].stop)
		x.stop.uninterruptible = true // those before it wait for it
		for _, was := range stops[:i] {
			if was.up() {
				x.stop.undo = append(x.stop.undo, was.again()...)
			}
		}
	}
	if len(stops) > 0 {
		for _, y := range after {
			y.rise[0].wait(stops[len(stops)-1].stop)
		}
	}
	pb.giveBack(h, after, inner, stops)
	var last *stepDraft
	for _, x := range h.from {
		x.remove.wait(last)
		for _, y := range h.to {
			x.remove.wait(y.rise[len(y.rise)-1])
		}
		x.remove.uninterruptible, last = true, x.remove
	}
	h.say(pb, after, stops)
}

// between gives the addresses of some that come, and of all that must be ready between two of them.
func (pb *planBuilder) between(ys []*comer) map[spec.Addr]bool {
	inner := map[spec.Addr]bool{}
	for _, y := range ys {
		inner[y.want.Addr] = true
	}
	if len(ys) < 2 {
		return inner
	}
	needs, needed := map[spec.Addr]bool{}, map[spec.Addr]bool{}
	for _, a := range pb.ordered {
		if r := pb.blocks[a]; r != nil {
			needs[a] = inner[a] || slices.ContainsFunc(pb.refs(r), func(to spec.Addr) bool { return needs[to] })
		}
	}
	for _, a := range slices.Backward(pb.ordered) {
		if r := pb.blocks[a]; r != nil && (inner[a] || needed[a]) {
			for _, to := range pb.refs(r) {
				needed[to] = true
			}
		}
	}
	for a := range needs {
		if needs[a] && needed[a] {
			inner[a] = true
		}
	}
	return inner
}

// awaitedBy gives all that those that come, and what is between them, wait for besides each other: nothing that was stopped waits for
// anything else, so an interrupt doesn't hold them back.
func (pb *planBuilder) awaitedBy(inner map[spec.Addr]bool) []*stepDraft {
	own := map[*stepDraft]bool{}
	for a := range inner {
		if r := pb.decisions[a]; r != nil {
			for _, d := range r.startSteps {
				own[d] = true
			}
		}
	}
	var out []*stepDraft
	for _, a := range pb.ordered {
		if r := pb.decisions[a]; r != nil && inner[a] {
			for _, d := range r.startSteps {
				d.uninterruptible = true
				for _, b := range d.after {
					if !own[b] {
						out = append(out, b)
					}
				}
			}
		}
	}
	return distinct(out)
}

// giveBack lets those that were stopped run again where who takes their place fails, or fails to come because of what it needs.
func (pb *planBuilder) giveBack(h *handover, after []*comer, inner map[spec.Addr]bool, stops []*leaver) {
	for _, y := range after {
		if y.want.Update.Rollback {
			for _, d := range y.tries {
				d.undo = []Op{
					&StopTask{ID: containerOf(d.op), Name: y.want.Name, Signal: y.want.StopSignal, Timeout: y.want.StopTimeout},
					&RemoveContainer{ID: containerOf(d.op), Name: y.want.Name},
				}
			}
		}
	}
	for _, y := range after {
		var ops []Op
		for _, x := range h.of[y] {
			if slices.Contains(stops, x) && x.up() || x.cut(y) {
				ops = append(ops, x.again()...)
			}
		}
		if !y.want.Update.Rollback || len(ops) == 0 {
			continue
		}
		for _, a := range pb.ordered { // y, and those between that y needs
			if r := pb.decisions[a]; r != nil && inner[a] && (a == y.want.Addr || pb.reaches(y.want.Addr, a)) {
				for _, d := range distinct(append(slices.Clone(r.mayFail), r.startSteps[:min(1, len(r.startSteps))]...)) { // the first can be the stop of one before it
					d.undo = append(d.undo, ops...)
				}
			}
		}
	}
}

// reaches tells whether one resource needs another, by what it refers to.
func (pb *planBuilder) reaches(from, to spec.Addr) bool {
	seen := map[spec.Addr]bool{}
	var visit func(a spec.Addr) bool
	visit = func(a spec.Addr) bool {
		r := pb.blocks[a]
		if r == nil || seen[a] {
			return false
		}
		seen[a] = true
		return slices.ContainsFunc(pb.refs(r), func(b spec.Addr) bool { return b == to || visit(b) })
	}
	return visit(from)
}

// say notes on the changes who waits for whom, and for how long nothing runs.
func (h *handover) say(pb *planBuilder, after []*comer, stops []*leaver) {
	names := func(n int, name func(i int) string) string {
		var out []string
		for i := range n {
			out = append(out, name(i))
		}
		return strings.Join(slices.Compact(out), ", ")
	}
	to := names(len(h.to), func(i int) string { return h.to[i].want.Addr.String() })
	before, when := "stopped before "+to+" starts, removed when that is ready", "removed when "+to+" is ready"
	if len(h.to) > 1 {
		before, when = "stopped before "+to+" start, removed when all of these are ready", "removed when "+to+" are ready"
	}
	for _, x := range h.from {
		if slices.Contains(stops, x) {
			x.change.Notes = append(x.change.Notes, before)
		} else {
			x.change.Notes = append(x.change.Notes, when)
		}
	}
	if len(stops) == 0 {
		return
	}
	var until time.Duration
	for _, x := range stops {
		until += lasts(x.stop.op)
	}
	from := names(len(stops), func(i int) string { return stops[i].addr.String() })
	for _, y := range after {
		if i := slices.IndexFunc(stops, func(x *leaver) bool { return !beside(x, y) }); i >= 0 {
			y.change.Notes = append(y.change.Notes, "takes over "+shared(stops[i].was, y.want)[0].String()+" from "+from+", stopped first")
		}
		if slices.ContainsFunc(h.of[y], func(x *leaver) bool { return x.up() }) {
			pb.outages[y.change] = until
		}
	}
}
