package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// A save that breaks off leaves the file that was there, and nothing beside it.
func TestSaveThatBreaksOff(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.tar")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	write, err := outputTo(path)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the daemon went away")
	err = write(t.Context(), func(w io.Writer) error {
		_, _ = w.Write(make([]byte, 4<<20))
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("error is %v, want %v", err, broken)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "old" {
		t.Errorf("the file is %q (%v), want the old one", b, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("there are %d files, want one", len(entries))
	}
}
