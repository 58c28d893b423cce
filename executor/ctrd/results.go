package ctrd

import (
	"maps"
	"sync"

	"github.com/fairlead-dev/fairlead/planner"
)

// Passed notes what a step that was passed over leaves as it was.
func (w *Writer) Passed(op planner.Op) {
	if placeholder, is := planner.PassedOver(op); is != "" {
		w.results.put(placeholder, is)
	}
}

// results are what placeholders in a plan stand for: the digests of what has been built and imported, the IDs of containers that were
// left alone.
type results struct {
	mu sync.Mutex
	by map[string]string
}

func (r *results) all() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.by)
}

func (r *results) put(placeholder, is string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[string]string{}
	}
	r.by[placeholder] = is
}
