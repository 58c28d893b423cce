package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairlead-dev/fairlead/spec"
)

// exclusive is something that one running container has alone. A container that goes gives it, and one that comes needs it.
type exclusive struct{ kind, value string }

// nameFact is the one kind of exclusive of which two containers can never have the same at once.
const nameFact = "the name"

// onHostNetwork is a exclusive as long as nothing says which ports a container on it listens on.
var onHostNetwork = exclusive{kind: "the host network"}

// onPath is a exclusive because a program may lock what it keeps in a path of the host, or listen on a socket there.
func onPath(p string) exclusive { return exclusive{"the path", p} }

func (f exclusive) String() string { return strings.TrimSpace(f.kind + " " + f.value) }

// exclusives gives the facts that a container needs to run.
func exclusives(c *spec.Container) []exclusive {
	out := []exclusive{{nameFact, c.Name}}
	if c.NetworkMode == spec.NetworkHost {
		out = append(out, onHostNetwork)
	}
	for _, mt := range c.Mounts {
		if mt.Bind != "" && !mt.ReadOnly {
			out = append(out, onPath(mt.Bind))
		}
	}
	return out
}

// common gives the facts that both of two containers need.
func common(a, b *spec.Container) []exclusive {
	all := exclusives(b)
	return slices.DeleteFunc(exclusives(a), func(f exclusive) bool { return !slices.Contains(all, f) })
}

// shared gives the facts that two containers can't have at once: of what both need, names alone where both say that they run beside
// each other.
func shared(a, b *spec.Container) []exclusive {
	beside := a.Update.Strategy == spec.StartFirst && b.Update.Strategy == spec.StartFirst
	return slices.DeleteFunc(common(a, b), func(f exclusive) bool { return beside && f.kind != nameFact })
}

// holds tells whether a container has something alone besides its name.
func holds(c *spec.Container) bool { return len(exclusives(c)) > 1 }

// taker is a step that needs what its container has alone, which another container may still have.
type taker struct {
	step *stepDraft
	want *spec.Container
}

func (pb *planBuilder) claim(d *stepDraft, c *spec.Container) {
	pb.takers = append(pb.takers, taker{d, c})
}

// leaver is a container that is removed, and what it had alone.
type leaver struct {
	live   *LiveContainer
	was    *spec.Container // in normal form
	addr   spec.Addr
	change *Change
	stop   *stepDraft // nil: it doesn't run
	remove *stepDraft
}

// comer is a container that is to run and has no predecessor at its own address.
type comer struct {
	want   *spec.Container
	change *Change
	begun  bool         // an earlier apply made it, and may have stopped its predecessors
	rise   []*stepDraft // its steps, in order, without its creation
	tries  []*stepDraft // those of them that can fail by its own fault
}

// leaves notes a container that is removed because nothing wants it any more.
func (pb *planBuilder) leaves(w *changeDraft, l *LiveContainer) {
	f := pb.dispositionOf(l)
	f.gone = true
	if pb.o.Destroy {
		return // nobody comes who would need what it has
	}
	was := normal(l.asSpec(), pb.have.Host)
	x := &leaver{live: l, was: was, addr: l.Owner.Addr, change: w.change, remove: f.removed}
	if f.stopped != f.removed {
		x.stop = f.stopped
	}
	pb.leavers = append(pb.leavers, x)
}

// up tells whether its process runs, as it was asked to.
func (x *leaver) up() bool { return x.live.Task.Up() }

// cut tells whether an earlier apply may have stopped it for its successor, and ended there.
func (x *leaver) cut(by *comer) bool {
	return by.begun && !x.up() && x.was.State != spec.StateStopped && !x.live.Completed
}

// again gives the ops by which it runs as before.
func (x *leaver) again() []Op {
	name := orElse(x.live.Name, short(x.live.ID))
	out := []Op{&StartTask{ID: x.live.ID, Name: name}}
	if x.live.Task.Status == TaskPaused || !x.up() && x.was.State == spec.StatePaused {
		out = append(out, &PauseTask{ID: x.live.ID, Name: name})
	}
	return out
}

// listensAs gives what of a container decides where it listens, as far as fairlead can tell: two for which it is equal listen on the
// same ports.
func listensAs(c *spec.Container) string {
	return fmt.Sprintf("%q %q %q %q %q %v", c.Entrypoint, c.Command, sortedPairs(c.Env), c.User, c.WorkingDir, c.Mounts)
}

func sortedPairs(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for _, k := range sortedKeys(m) {
		out = append(out, k+"="+m[k])
	}
	return out
}

// successorLikeness is a likeness at which a container that comes is taken for the successor of one that goes.
const successorLikeness = 4

// likeness says how probable it is that one container is the successor of another; more is likelier.
func likeness(x *leaver, y *comer) int {
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
