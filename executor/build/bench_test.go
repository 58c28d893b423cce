package build

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/fairlead-dev/fairlead/executor/statcache"
	"github.com/fairlead-dev/fairlead/spec"
)

// bigTree has 20,000 files of 4 KB on average in 200 directories, and an ignore file.
func bigTree(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	content := make([]byte, 8192)
	for d := range 200 {
		at := filepath.Join(dir, fmt.Sprintf("part%02d", d/20), fmt.Sprintf("dir%03d", d))
		must(b, os.MkdirAll(at, 0o755))
		for f := range 100 {
			for i := range 8 {
				content[i] = byte(random.Uint32())
			}
			must(b, os.WriteFile(filepath.Join(at, fmt.Sprintf("file%03d.txt", f)), content[:random.IntN(len(content))], 0o644))
		}
	}
	write(b, dir, "Dockerfile", "FROM scratch\nCOPY . /\n")
	write(b, dir, ignoreName, "# usual rules\n.git\n**/*.tmp\nnode_modules\nbuild/\n*.log\n!keep.log\n")
	time.Sleep(statcache.Settled + 100*time.Millisecond) // else nothing of it would be remembered
	return dir
}

// runShell runs the peer.
func runShell(b *testing.B, script, dir string) {
	b.Helper()
	cmd := exec.Command("sh", "-c", script, "sh", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", script, err, out)
	}
}

func reading(b *testing.B, dir, cacheDir string) {
	b.Helper()
	r, err := Read(b.Context(), &spec.Build{Context: dir}, Options{CacheDir: cacheDir, Host: "linux/amd64"})
	if err != nil {
		b.Fatal(err)
	}
	if len(r.Inputs) < 20000 {
		b.Fatalf("%d inputs", len(r.Inputs))
	}
}

// against runs ours and the peer in turns and reports the best of each, and their ratio.
func against(b *testing.B, ours, peer func()) {
	const turns = 7
	best := func(f func(), sofar time.Duration) time.Duration {
		start := time.Now()
		f()
		if d := time.Since(start); sofar == 0 || d < sofar {
			return d
		}
		return sofar
	}
	var mine, other time.Duration
	for b.Loop() {
		for range turns {
			mine, other = best(ours, mine), best(peer, other)
		}
	}
	b.ReportMetric(float64(mine.Microseconds())/1000, "ours-ms")
	b.ReportMetric(float64(other.Microseconds())/1000, "peer-ms")
	b.ReportMetric(float64(mine)/float64(other), "ratio")
}

// An unchanged tree costs little more than the walk that stats it: at most 1.5 times find.
func BenchmarkUnchangedTree(b *testing.B) {
	dir, cacheDir := bigTree(b), b.TempDir()
	reading(b, dir, cacheDir)
	against(b,
		func() { reading(b, dir, cacheDir) },
		func() { runShell(b, `find "$1" -printf '%p %s %T@\n' >/dev/null`, dir) })
}

// The first hash: at most 1.5 times sha256sum with as many processes as processors.
func BenchmarkFirstHash(b *testing.B) {
	dir := bigTree(b)
	against(b,
		func() { reading(b, dir, b.TempDir()) },
		func() {
			runShell(b, `find "$1" -type f -print0 | xargs -0 -n 500 -P "$(nproc)" sha256sum >/dev/null`, dir)
		})
}
