package ctrd

import (
	"maps"
	"sync"
)

// results are the digests of what has been built and imported, by the tokens that stand for them in a plan.
type results struct {
	mu sync.Mutex
	by map[string]string
}

func (r *results) all() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.by)
}

func (r *results) set(token, digest string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[string]string{}
	}
	r.by[token] = digest
}
