package ctrd

import (
	"context"
	"fmt"
	"strings"

	"github.com/fairlead-dev/fairlead/executor/image"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// Moved is the error of a plan whose objects are not as it saw them any more.
type Moved struct{ Objects []string }

// Error names each object.
func (m *Moved) Error() string {
	return "the host changed since the plan was made, so nothing that runs was touched: " + strings.Join(m.Objects, "; ") + ". Plan again"
}

// checkUnmoved compares all that the plan is about to touch with what it saw.
func (w *Writer) checkUnmoved(ctx context.Context, op *planner.CheckUnmoved) error {
	touched := map[spec.Kind][]string{}
	for _, t := range op.Touches {
		touched[t.Kind] = append(touched[t.Kind], t.ID)
	}
	now, err := w.seen(ctx, touched[spec.KindContainer])
	if err != nil {
		return err
	}
	var moved Moved
	for _, t := range op.Touches {
		is, there := now[seenKey{t.Kind, t.ID}]
		switch {
		case is == t.Seen:
		case t.Seen == "":
			moved.Objects = append(moved.Objects, fmt.Sprintf("%s %s is there now", t.Kind, t.Name))
		case !there:
			moved.Objects = append(moved.Objects, fmt.Sprintf("%s %s is gone", t.Kind, t.Name))
		default:
			moved.Objects = append(moved.Objects, fmt.Sprintf("%s %s was changed%s", t.Kind, t.Name, describeMove(t.Seen, is)))
		}
	}
	moved.Objects = append(moved.Objects, w.freeNames(ctx)...)
	if len(moved.Objects) > 0 {
		return &moved
	}
	return nil
}

// describeMove says what of a container changed, where its fingerprint tells.
func describeMove(was, is string) string {
	a, b := strings.Fields(was), strings.Fields(is)
	if len(a) == 2 && len(b) == 2 && a[1] != b[1] {
		return fmt.Sprintf(" (its process was %s and is %s)", a[1], b[1])
	}
	return ""
}

type seenKey struct {
	kind spec.Kind
	id   string
}

// seen gives the fingerprint of each container and image record as it is now; of the containers touched, what lives of them is looked at.
func (w *Writer) seen(ctx context.Context, touched []string) (map[seenKey]string, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	got, err := w.lists(ctx)
	if err != nil {
		return nil, err
	}
	out := map[seenKey]string{}
	tasks := tasksByID(got.tasks)
	if err := w.clarify(ctx, tasks, touched); err != nil {
		return nil, err
	}
	for _, c := range got.containers {
		out[seenKey{spec.KindContainer, c.ID}] = seenContainer(c, tasks[c.ID])
	}
	for _, i := range got.images {
		out[seenKey{spec.KindImage, i.Name}] = image.Live(i).Seen
	}
	return out, nil
}
