package image

import (
	"fmt"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/fairlead-dev/fairlead/executor"
)

// reportEvery bounds how often bytes are reported: a terminal shows no more.
const reportEvery = 100 * time.Millisecond

// transfer counts what has come of several blobs at once.
type transfer struct {
	report func(executor.Progress)

	mu     sync.Mutex
	at     map[digest.Digest]int64
	whole  map[digest.Digest]bool
	layers map[digest.Digest]bool
	done   int64
	total  int64
	last   time.Time
}

func newTransfer(report func(executor.Progress)) *transfer {
	return &transfer{report: report, at: map[digest.Digest]int64{}, whole: map[digest.Digest]bool{}, layers: map[digest.Digest]bool{}}
}

// expect adds a blob to the total, once.
func (t *transfer) expect(d digest.Digest, size int64, layer bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.at[d]; ok {
		return
	}
	t.at[d] = 0
	t.total += size
	if layer {
		t.layers[d] = true
	}
}

// moved says how far a blob is; a try that begins anew goes back.
func (t *transfer) moved(d digest.Digest, at int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set(d, at)
	if time.Since(t.last) >= reportEvery {
		t.tell()
	}
}

// finish says that a blob is there.
func (t *transfer) finish(d digest.Digest, size int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set(d, size)
	t.whole[d] = true
	t.tell()
}

func (t *transfer) set(d digest.Digest, at int64) {
	t.done += at - t.at[d]
	t.at[d] = at
}

func (t *transfer) tell() {
	t.last = time.Now()
	if t.report == nil {
		return
	}
	note, n := "", 0
	for d := range t.layers {
		if t.whole[d] {
			n++
		}
	}
	if len(t.layers) > 0 {
		note = fmt.Sprintf("%d of %d layers", n, len(t.layers))
	}
	t.report(executor.Progress{Done: t.done, Total: t.total, Note: note})
}

// note reports a word on what happens after the transfer.
func (t *transfer) note(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.report != nil {
		t.report(executor.Progress{Done: t.done, Total: t.total, Note: s})
	}
}
