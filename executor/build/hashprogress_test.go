package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/fairlead-dev/fairlead/spec"
)

// Hashing that takes long is told of at its beginning and then for each GiB, whatever reads it; and small things aren't.
func TestHashingIsTold(t *testing.T) {
	const total = 5*progressStep/2 + 7
	for _, parts := range []int{1, 1000, 4001} {
		var mu sync.Mutex
		var said []string
		told := startProgress(func(what string, done, total int64) {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, fmt.Sprintf("%s %d of %d", what, done/progressStep, total))
		}, "big", total)
		var all sync.WaitGroup
		for range parts {
			all.Go(func() { told.add(total / parts) })
		}
		all.Wait()
		slices.Sort(said)
		want := []string{fmt.Sprintf("big 0 of %d", total), fmt.Sprintf("big 1 of %d", total), fmt.Sprintf("big 2 of %d", total)}
		if parts == 1 {
			want = []string{want[0], want[2]}
		}
		if !slices.Equal(said, want) {
			t.Errorf("%d parts: %q; want %q", parts, said, want)
		}
	}
	startProgress(func(string, int64, int64) { t.Error("1 GiB less one byte is told of") }, "small", progressStep-1).add(progressStep - 1)
	startProgress(nil, "", total).add(total)
}

// A large file's hashing says so before it begins, and hears an interrupt in the middle of the file.
func TestHashingHearsAnInterrupt(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "big", "")
	must(t, os.Truncate(filepath.Join(dir, "big"), 1<<43)) // nobody waits for 8 TiB
	for what, b := range map[string]*spec.Build{
		dir:          {Context: dir, Inline: "FROM scratch\nCOPY big /\n"},
		dir + "/big": {Context: filepath.Join(dir, "big"), Inline: "FROM scratch\nCOPY big /\n"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var said []string
		_, err := Read(ctx, b, Options{Host: amd64, Hashing: func(path string, done, total int64) {
			said = append(said, fmt.Sprintf("%s %d of %d", path, done, total))
			cancel()
		}})
		if want := fmt.Sprintf("%s 0 of %d", what, int64(1<<43)); !errors.Is(err, context.Canceled) || !slices.Equal(said, []string{want}) {
			t.Errorf("%v, %q; want %s", err, said, want)
		}
	}
}
