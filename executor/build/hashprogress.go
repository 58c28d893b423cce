package build

import "sync/atomic"

// progressStep is how many bytes are hashed between two reports. A context with fewer is hashed before anybody asks, and reports nothing.
const progressStep = 1 << 30

// hashProgress tells how far the hashing of one context is. Several goroutines use it.
type hashProgress struct {
	report func(what string, done, total int64) // nil: nobody wants to know
	what   string
	total  int64
	done   atomic.Int64
}

// startProgress tells that hashing begins.
func startProgress(report func(string, int64, int64), what string, total int64) *hashProgress {
	if total < progressStep {
		report = nil
	}
	t := &hashProgress{report: report, what: what, total: total}
	if report != nil {
		report(what, 0, total)
	}
	return t
}

// add counts n more bytes. Those of a file that grows meanwhile don't count beyond the total.
func (t *hashProgress) add(n int) {
	if t == nil || t.report == nil {
		return
	}
	now := t.done.Add(int64(n))
	if before := now - int64(n); now/progressStep > before/progressStep && now <= t.total {
		t.report(t.what, now, t.total)
	}
}
