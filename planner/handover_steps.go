package planner

import (
	"slices"
	"strings"
	"time"

	"github.com/fairlead-dev/fairlead/spec"
)

// arrange declares what a handover means for its steps: their facts, what is undone if one fails, and what people read.
func (m *handoverMatch) arrange(h *handover) {
	var stops []*outgoing // before others start
	for _, x := range h.from {
		switch {
		case x.stop == nil:
		case !h.overlapsAll(x):
			stops = append(stops, x)
		default: // all are there before it goes
			x.stop.need(readyAll(h)...)
		}
	}
	var after []*incoming // that can't start before these have stopped
	for _, y := range h.to {
		if slices.ContainsFunc(h.from, func(x *outgoing) bool { return x.stop == nil || !mayOverlap(x, y) }) {
			after = append(after, y)
		}
	}
	inner := m.between(after)
	t := &takeover{}
	for _, a := range inner {
		t.starts = append(t.starts, m.pb.decisionOf(a).startSteps...)
	}
	for i, x := range stops {
		t.stops = append(t.stops, x.stop)
		if i == 0 {
			continue
		}
		x.stop.need(stopped(stops[i-1].live.ID))
		x.stop.uninterruptible = true // those before it wait for it
		for _, before := range stops[:i] {
			if before.isUp() {
				x.stop.undo = append(x.stop.undo, before.restartOps()...)
			}
		}
	}
	if len(stops) > 0 {
		for _, y := range after {
			m.startOf(y.want).need(stopped(stops[len(stops)-1].live.ID))
		}
	}
	m.pb.takeovers = append(m.pb.takeovers, t)
	m.undo(h, after, inner, stops)
	for i, x := range h.from {
		x.remove.need(readyAll(h)...)
		if i > 0 {
			x.remove.need(gone(h.from[i-1].live.ID))
		}
		x.remove.uninterruptible = true
	}
	h.note(m.pb, after, stops)
}

func readyAll(h *handover) []fact {
	var out []fact
	for _, a := range h.addresses() {
		out = append(out, ready(a))
	}
	return out
}

// between gives the addresses of some that come, and of all that must be ready between two of them, in reference order.
func (m *handoverMatch) between(ys []*incoming) []spec.Addr {
	own := (&handover{to: ys}).addresses()
	if len(own) < 2 {
		return own
	}
	needed := reachable(own, func(a spec.Addr) []spec.Addr { return m.refersTo[a] })
	needing := reachable(own, func(a spec.Addr) []spec.Addr { return m.referrers[a] })
	return slices.DeleteFunc(slices.Clone(m.pb.ordered), func(a spec.Addr) bool { return !needed[a] || !needing[a] })
}

// undo lets those that were stopped run again where who takes their place fails, or fails to come because of what it needs.
func (m *handoverMatch) undo(h *handover, after []*incoming, inner []spec.Addr, stops []*outgoing) {
	for _, y := range after {
		if y.want.Update.Rollback {
			for _, d := range m.pb.decisionOf(y.want.Addr).mayFail {
				d.undo = undoStart(RowOf(d.op).ObjectID(d.op), y.want)
			}
		}
	}
	for _, y := range after {
		var ops []Op
		for _, x := range h.predecessors[y] {
			if slices.Contains(stops, x) && x.isUp() || x.stoppedFor(y) {
				ops = append(ops, x.restartOps()...)
			}
		}
		if !y.want.Update.Rollback || len(ops) == 0 {
			continue
		}
		needed := reachable([]spec.Addr{y.want.Addr}, func(a spec.Addr) []spec.Addr { return m.refersTo[a] })
		for _, a := range inner { // y, and those between that y needs
			if needed[a] {
				m.pb.decisionOf(a).undo(ops)
			}
		}
	}
}

// undo adds ops to what is done if a container fails to come up, or one before it fails to stop.
func (d *decision) undo(ops []Op) {
	for _, s := range distinct(append(slices.Clone(d.mayFail), d.startSteps[:min(1, len(d.startSteps))]...)) {
		s.undo = append(s.undo, ops...)
	}
}

// undoStart takes a container away again that failed to come up.
func undoStart(id string, c *spec.Container) []Op {
	return []Op{stopOp(id, c), &RemoveContainer{ID: id, Name: c.Name}}
}

// note says on the changes who waits for whom, and for how long nothing runs.
func (h *handover) note(pb *planBuilder, after []*incoming, stops []*outgoing) {
	to := joinAddresses(h.addresses())
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
	var from []spec.Addr
	for _, x := range stops {
		until += lasts(x.stop.op)
		from = append(from, x.addr)
	}
	for _, y := range after {
		if i := slices.IndexFunc(stops, func(x *outgoing) bool { return !mayOverlap(x, y) }); i >= 0 {
			what := conflicts(stops[i].was, y.want)[0]
			y.change.Notes = append(y.change.Notes, "takes over "+what.String()+" from "+joinAddresses(from)+", stopped first")
		}
		if slices.ContainsFunc(h.predecessors[y], (*outgoing).isUp) {
			pb.outages[y.change] = until
		}
	}
}

// joinAddresses lists addresses, each once where it stands several times in a row.
func joinAddresses(as []spec.Addr) string {
	var out []string
	for _, a := range as {
		out = append(out, a.String())
	}
	return strings.Join(slices.Compact(out), ", ")
}

// claim lets containers wait until those that are stopped have freed what they need, if these don't wait for them in turn. A container that
// comes waits so for what two can never have; for the rest, it is in a handover or runs beside the others.
func (m *handoverMatch) claim() {
	anyFreed := len(m.pb.outgoing) > 0
	for _, c := range m.pb.claimants {
		if c.old == nil {
			continue
		}
		if fs := freedForOthers(c.old.was, c.want); len(fs) > 0 {
			m.pb.dispositionOf(c.old.live).stopped.give(fs...)
			anyFreed = true
		}
	}
	if !anyFreed {
		return
	}
	for _, c := range m.pb.claimants {
		c.step.prefer(claims(c.want, c.was())...)
	}
	for _, y := range m.pb.incoming {
		m.startOf(y.want).prefer(freedForOthers(y.want, nil)...)
	}
}

// startOf is the first step after which a container runs, or the one before it at its address doesn't.
func (m *handoverMatch) startOf(c *spec.Container) *stepDraft {
	return m.pb.decisionOf(c.Addr).startSteps[0]
}

// moveOn lets containers come after another one was replaced that had what they will have, as when the instances of a count move by one.
// The last of these takes over from one that is removed. Where they go in a circle, nobody can come first.
func (m *handoverMatch) moveOn() {
	for _, c := range m.pb.claimants {
		as, was := listening(c.want), listening(c.was())
		if was != "" {
			m.pb.dispositionOf(c.old.live).removed.give(vacated(was))
		}
		if as != "" && as != was {
			c.step.prefer(vacated(as))
		}
	}
	for _, mv := range m.moves {
		m.moveInto(mv.from, mv.to)
	}
	if len(m.pb.claimants) == 0 {
		return
	}
	for _, y := range m.pb.incoming {
		if as := listening(y.want); as != "" {
			m.startOf(y.want).prefer(vacated(as))
		}
	}
}

// moveInto lets a container that is replaced at its own address take over from one that is removed, too.
func (m *handoverMatch) moveInto(x *outgoing, c claimant) {
	m.pb.takeovers = append(m.pb.takeovers, &takeover{stops: []*stepDraft{x.stop}, starts: []*stepDraft{c.step}})
	c.step.need(stopped(x.live.ID))
	x.remove.need(ready(c.want.Addr))
	x.remove.uninterruptible = true
	if c.want.Update.Rollback {
		m.pb.decisionOf(c.want.Addr).undo(x.restartOps())
	}
	x.change.Notes = append(x.change.Notes, "stopped before "+c.want.Addr.String()+" is replaced, removed when that is ready")
}

// keepUntilReady keeps a container that is removed until what looks like its successor is ready, also where they need nothing of each
// other: one of the two runs, whatever fails.
func (m *handoverMatch) keepUntilReady() {
	for _, key := range []func(*spec.Container) []string{
		func(c *spec.Container) []string { return []string{c.Addr.Block().String()} },
		func(c *spec.Container) []string { return []string{c.Image.Name} },
	} {
		for x, y := range m.pairs(key, func(x *outgoing, _ *incoming) bool { return x.stop != nil }) {
			h := &handover{from: []*outgoing{x}, to: []*incoming{y}, predecessors: map[*incoming][]*outgoing{y: {x}}}
			m.add(h)
			m.arrange(h)
		}
	}
}
