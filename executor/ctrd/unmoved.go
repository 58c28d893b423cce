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
	now, err := w.seen(ctx, touched)
	if err != nil {
		return err
	}
	var moved Moved
	for _, t := range op.Touches {
		is, there := now[t.Kind][t.ID]
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

// seen gives the fingerprints of all objects of the kinds that are touched.
func (w *Writer) seen(ctx context.Context, touched map[spec.Kind][]string) (map[spec.Kind]map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	got, err := w.lists(ctx)
	if err != nil {
		return nil, err
	}
	out := map[spec.Kind]map[string]string{}
	for kind, ids := range touched {
		if out[kind], err = fingerprints[kind](ctx, w, got, ids); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// fingerprints has for each kind how all its objects on the host are now, by ID; of those that are touched, all that can change is looked at.
var fingerprints = map[spec.Kind]func(ctx context.Context, w *Writer, got *reading, touched []string) (map[string]string, error){
	spec.KindContainer: func(ctx context.Context, w *Writer, got *reading, touched []string) (map[string]string, error) {
		tasks := tasksByID(got.tasks)
		if err := w.clarify(ctx, tasks, touched); err != nil {
			return nil, err
		}
		out := map[string]string{}
		for _, c := range got.containers {
			out[c.ID] = seenContainer(c, tasks[c.ID])
		}
		return out, nil
	},
	spec.KindImage: func(_ context.Context, _ *Writer, got *reading, _ []string) (map[string]string, error) {
		out := map[string]string{}
		for _, i := range got.images {
			out[i.Name] = image.Live(i).Seen
		}
		return out, nil
	},
}
