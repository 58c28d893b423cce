package buildkit

import (
	"os"
	"slices"
	"testing"
	"time"
)

// What a sweep removed, later runs hear of as well, until containerd can't be at work on it any more.
func TestRemovedContainersAreRecalled(t *testing.T) {
	var got []string
	o := Options{DataRoot: t.TempDir(), Address: "/run/c.sock", Namespace: "n", Removed: func(id string) { got = append(got, id) }}
	first := New(o)
	if err := os.MkdirAll(first.root(), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b"} {
		if err := first.noteRemoved(id); err != nil {
			t.Fatal(err)
		}
	}
	sweep := func(want ...string) {
		t.Helper()
		got = nil
		if err := New(o).Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("recalled %q; want %q", got, want)
		}
	}
	sweep("a", "b")
	sweep("a", "b")
	old := time.Now().Add(-2 * removedLife)
	if err := os.Chtimes(first.removedFile(), old, old); err != nil {
		t.Fatal(err)
	}
	sweep("a", "b")
	sweep()
}
