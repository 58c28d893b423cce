package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

// maxPlanMemory bounds what a plan over a big context may hold of memory, in bytes.
const maxPlanMemory = 300 << 20

// planMemory plans with fairlead as it is shipped and gives the most memory that it held: the race detector's own would count too.
func (l *buildLab) planMemory(program string) int64 {
	l.t.Helper()
	cmd := l.command("plan")
	cmd.Path, cmd.Args = program, append([]string{program, "--data-root", l.dataRoot()}, cmd.Args[1:]...)
	if out, err := cmd.CombinedOutput(); err != nil {
		l.t.Fatalf("plan: %v\n%s", err, out)
	}
	return cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
}

// TestBigContexts: a context of 50,000 files, and one with a file of 2 GiB, are planned in bounded memory, and built.
func TestBigContexts(t *testing.T) {
	if !full() {
		t.Skip("it takes a minute: FAIRLEAD_TEST_FULL=1. TestMemoryIsBounded has the bound of the reading alone")
	}
	shared.start(t)
	program := goBuild(t, ".")
	d := shared.daemons[1]
	stack := "stack \"s\" {}\nimage \"app\" {\n  build { context = \"./src\" }\n}\n"
	t.Run("50,000 files", func(t *testing.T) {
		l := newBuildLab(t, d)
		l.ok(harness.Tree(filepath.Join(l.dir, "src"), 50000, 1))
		l.file("src/Dockerfile", "FROM scratch\nCOPY . /\n")
		l.write(stack)
		for _, when := range []string{"first", "second"} {
			held := l.planMemory(program)
			t.Logf("the %s plan held %d MB", when, held>>20)
			if held > maxPlanMemory {
				t.Errorf("the %s plan held %d MB", when, held>>20)
			}
		}
		l.settle()
		l.must("destroy", "--yes")
		l.clean()
	})
	t.Run("2 GiB", func(t *testing.T) {
		l := newBuildLab(t, d)
		f, err := os.Create(filepath.Join(l.dir, "src/big"))
		l.ok(err)
		l.ok(f.Truncate(2 << 30))
		l.ok(f.Close())
		l.file("src/Dockerfile", "FROM scratch\nCOPY big /\n")
		l.write(stack)
		held := l.planMemory(program)
		t.Logf("the plan held %d MB", held>>20)
		if held > maxPlanMemory {
			t.Errorf("the plan held %d MB", held>>20)
		}
		l.settle()
		l.must("destroy", "--yes")
		l.clean()
	})
}
