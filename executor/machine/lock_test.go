package machine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTryLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	take := func() *os.File {
		t.Helper()
		f, err := TryLock(path)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first := take()
	if first == nil {
		t.Fatal("a free lock isn't taken")
	}
	if take() != nil {
		t.Error("a lock is taken twice")
	}
	first.Close()
	second := take()
	if second == nil {
		t.Fatal("the lock isn't free once its holder has let go")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	third := take()
	if third == nil || !isAt(third, path) {
		t.Error("the lock is of a file that isn't there any more")
	}
	second.Close()
	third.Close()
	if f, err := TryLock(filepath.Join(path, "below")); err == nil {
		t.Error("there is no error where no file can be", f)
	}
}
