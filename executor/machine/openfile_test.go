package machine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestIsOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if !IsOpen(path) {
		t.Error("this process has it open, and nobody is found")
	}
	f.Close()
	if IsOpen(path) {
		t.Error("it is closed, and somebody is found")
	}
	if IsOpen(path + "x") {
		t.Error("a file that is not there is found open")
	}
}
