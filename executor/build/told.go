package build

import "sync/atomic"

// tellEach is after how many hashed bytes it is told how far the hashing is; what has fewer in all is done before anybody asks.
const tellEach = 1 << 30

// told tells how far the hashing of one context is. Several goroutines use it.
type told struct {
	report func(what string, done, total int64) // nil: nobody wants to know
	what   string
	total  int64
	done   atomic.Int64
}

// newTold tells that hashing begins.
func newTold(report func(string, int64, int64), what string, total int64) *told {
	if total < tellEach {
		report = nil
	}
	t := &told{report: report, what: what, total: total}
	if report != nil {
		report(what, 0, total)
	}
	return t
}

// add counts n more bytes. Those of a file that grows meanwhile don't count beyond the total.
func (t *told) add(n int) {
	if t == nil || t.report == nil {
		return
	}
	now := t.done.Add(int64(n))
	if before := now - int64(n); now/tellEach > before/tellEach && now <= t.total {
		t.report(t.what, now, t.total)
	}
}
