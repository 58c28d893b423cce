package machine

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sync/errgroup"
)

// Stacks of one daemon take and let go of their locks at the same time, in directories that they share.
func TestLocksComeAndGo(t *testing.T) {
	root := filepath.Join(t.TempDir(), "locks")
	var g errgroup.Group
	for n := range 8 {
		g.Go(func() error {
			for range 500 {
				l, err := WaitLockFile(t.Context(), filepath.Join(root, "daemon", strconv.Itoa(n%4), strconv.Itoa(n)+".lock"))
				if err != nil {
					return err
				}
				l.Release()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(root); !os.IsNotExist(err) {
		t.Errorf("%s stays: %v", root, err)
	}
}

// A container's files are made while another's, the last of its stack, go.
func TestDirectoriesComeAndGo(t *testing.T) {
	root := t.TempDir()
	var g errgroup.Group
	for n := range 8 {
		g.Go(func() error {
			dir := filepath.Join(root, "namespace", "stack", strconv.Itoa(n))
			for range 500 {
				if err := MakeDir(dir); err != nil {
					return err
				}
				RemoveEmpty(dir, root)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}
