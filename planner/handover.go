package planner

import (
	"cmp"
	"slices"

	"github.com/fairlead-dev/fairlead/spec"
)

// handover is a set of containers that are removed and of ones that come, of which nobody can tell who needs what of whom: all that go
// are stopped, one after the other, before any of the others starts; and none is removed before all that come are ready.
type handover struct {
	from         []*outgoing
	to           []*incoming
	predecessors map[*incoming][]*outgoing // those in whose place one comes: they run again if it fails
}

// outgoing is a container that is removed because nothing wants it any more.
type outgoing struct {
	live   *LiveContainer
	was    *spec.Container // in normal form
	addr   spec.Addr
	change *Change
	stop   *stepDraft // nil: it doesn't run
	remove *stepDraft
}

// incoming is a container that is to run and has no predecessor at its own address.
type incoming struct {
	want    *spec.Container
	change  *Change
	resumed bool // an earlier apply created it, and may have stopped its predecessors
}

// claimant is a container that has a predecessor at its own address, or was there, and needs what another one may still have.
type claimant struct {
	want *spec.Container
	old  *comparison // the predecessor; nil: it was there
	step *stepDraft  // the first that needs it
}

// noteOutgoing notes a container that is removed because nothing wants it any more.
func (pb *planBuilder) noteOutgoing(w *changeDraft, l *LiveContainer) {
	f := pb.dispositionOf(l)
	f.gone = true
	if pb.o.Destroy {
		return // nobody comes who would need what it has
	}
	x := &outgoing{live: l, was: normal(l.asSpec(), pb.have.Host), addr: l.Owner.Addr, change: w.change, remove: f.removed}
	if f.stopped != f.removed {
		x.stop = f.stopped.give(freedByStop(x.was)...)
	}
	pb.outgoing = append(pb.outgoing, x)
}

// noteClaimant notes a container that has a predecessor or was there, and the step for which others must have freed what it needs.
func (pb *planBuilder) noteClaimant(d *stepDraft, want *spec.Container, old *comparison) {
	pb.claimants = append(pb.claimants, claimant{want, old, d})
}

// was is the predecessor as it was applied; nil: there is none.
func (c claimant) was() *spec.Container {
	if c.old == nil {
		return nil
	}
	return c.old.was
}

// isUp tells whether its process runs, as it was asked to.
func (x *outgoing) isUp() bool { return x.live.Task.Up() }

// stoppedFor tells whether an earlier apply may have stopped it for its successor, and ended there.
func (x *outgoing) stoppedFor(y *incoming) bool {
	return y.resumed && !x.isUp() && x.was.State != spec.StateStopped && !x.live.Completed
}

// restartOps are the ops by which it runs as before.
func (x *outgoing) restartOps() []Op {
	name := cmp.Or(x.live.Name, short(x.live.ID))
	out := []Op{&StartTask{ID: x.live.ID, Name: name}}
	if x.live.Task.Status == TaskPaused || !x.isUp() && x.was.State == spec.StatePaused {
		out = append(out, &PauseTask{ID: x.live.ID, Name: name})
	}
	return out
}

// mayOverlap tells whether both may run at once: the one that goes is stopped when the other one is ready.
func mayOverlap(x *outgoing, y *incoming) bool { return len(conflicts(x.was, y.want)) == 0 }

func (h *handover) overlapsAll(x *outgoing) bool {
	return !slices.ContainsFunc(h.to, func(y *incoming) bool { return !mayOverlap(x, y) })
}

// successorLikeness is a likeness at which a container that comes is taken for the successor of one that goes.
const successorLikeness = 4

// likeness says how probable it is that one container is the successor of another; more is likelier.
func likeness(x *outgoing, y *incoming) int {
	n := 0
	for weight, same := range map[int]bool{
		32: x.addr.Block() == y.want.Addr.Block(),
		16: x.addr.Key != "" && x.addr.KeyText() == y.want.Addr.KeyText(),
		8:  x.was.Image.Name == y.want.Image.Name,
		4:  slices.Equal(x.was.Command, y.want.Command) && slices.Equal(x.was.Entrypoint, y.want.Entrypoint),
		2:  slices.Equal(sortedPairs(x.was.Env), sortedPairs(y.want.Env)),
		1:  len(x.was.Mounts) == len(y.want.Mounts),
	} {
		if same {
			n += weight
		}
	}
	return n
}
