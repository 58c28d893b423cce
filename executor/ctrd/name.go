package ctrd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/containers"

	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
)

// names are those of the containers that a session created. containerd lets any number of containers have one name, so who else has one is
// looked at once the session's own container is there: whatever comes later finds that.
type names struct {
	mu     sync.Mutex
	taken  map[string]*nameClaim // by the ID of a container that was created
	listed []*containers.Container
	after  int // how many had been created when the list was asked for
}

// nameClaim is a container that was created, with the name that it has.
type nameClaim struct {
	name   string
	owner  planner.Owner
	known  []string // IDs of those who had the name when it was planned
	number int
}

// claim notes that the session created a container with its name.
func (n *names) claim(op *planner.CreateContainer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.taken == nil {
		n.taken = map[string]*nameClaim{}
	}
	if n.taken[op.ID] == nil {
		n.taken[op.ID] = &nameClaim{op.Want.Name, op.Owner, op.Holders, len(n.taken) + 1}
	}
}

// freeName fails if a container that this session created shares its name with one that came since the plan was made.
func (w *Writer) freeName(ctx context.Context, id string) error {
	w.names.mu.Lock()
	defer w.names.mu.Unlock()
	mine := w.names.taken[id]
	if mine == nil {
		return nil
	}
	if w.names.listed == nil || w.names.after < mine.number {
		after := len(w.names.taken)
		all, err := within(ctx, listTimeout, w.listContainers)
		if err != nil {
			return err
		}
		w.names.listed, w.names.after = all, after
	}
	return w.nameHeld(ctx, id, *mine, w.names.listed)
}

// freeNames is freeName for all that the session created, as it is now.
func (w *Writer) freeNames(ctx context.Context) []string {
	w.names.mu.Lock()
	ids := slices.Sorted(maps.Keys(w.names.taken))
	w.names.listed = nil
	w.names.mu.Unlock()
	var out []string
	for _, id := range ids {
		if err := w.freeName(ctx, id); err != nil {
			out = append(out, err.Error())
		}
	}
	return out
}

// nameHeld is the error of a name that somebody has who didn't have it when it was planned, and who isn't of the same stack: the lock of a stack
// keeps its own containers apart. Of two stacks that create one at once, who came first has it.
func (w *Writer) nameHeld(ctx context.Context, id string, mine nameClaim, all []*containers.Container) error {
	var created time.Time
	for _, c := range all {
		if c.ID == id {
			created = c.CreatedAt
		}
	}
	got := &reading{signer: mark.ReadSigner(w.opts.Namespace, w.paths.Key())}
	for _, c := range all {
		if c.ID == id || nameOf(c.Labels) != mine.name || slices.Contains(mine.known, c.ID) {
			continue
		}
		a, _ := mark.DecodeApplied(c.Extensions)
		owner, _ := got.signer.Owner(c.Labels, c.ID, extended(c), a)
		switch {
		case owner != nil && owner.Stack == mine.owner.Stack:
			continue
		case owner != nil && c.CreatedAt.After(created):
			continue // its own apply sees ours, and fails
		case owner == nil:
			if got.images == nil {
				records, err := w.listImages(ctx)
				if err != nil {
					return err
				}
				got.images = records
			}
			if w.namedByImage(ctx, c, got) {
				continue
			}
		}
		return fmt.Errorf("the name %s was taken since the plan was made: the container %s has it, and is %s. Rename or remove that one, and plan again", mine.name, mark.ShortID(c.ID), mark.DescribeOwner(owner))
	}
	return nil
}
