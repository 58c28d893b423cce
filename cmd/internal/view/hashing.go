package view

import (
	"fmt"
	"io"
	"sync"

	"github.com/fairlead-dev/fairlead/planner"
)

// Hashing gives a function that writes a line for how far the hashing of a large context is, in bytes. Several goroutines may call it.
func Hashing(w io.Writer, s Style) func(path string, done, total int64) {
	var mu sync.Mutex
	return func(path string, done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintf(w, "%s hashing %s  %s of %s\n", s.paint(dim, "|"), Line(path), planner.Bytes(done), planner.Bytes(total)) // if nobody reads it, nothing is lost
	}
}
