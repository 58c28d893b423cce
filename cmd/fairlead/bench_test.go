package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

// BenchmarkFloor measures fairlead as whole processes against testdata/floor, and gives the ratios. docs/benchmarks.md has
// the figures.
func BenchmarkFloor(b *testing.B) {
	shared.start(b)
	floor, fairlead := goBuild(b, "./testdata/floor"), goBuild(b, ".")
	for _, d := range shared.daemons {
		for _, size := range []struct {
			containers int
			parallel   []string // of the floor, a turn each
		}{{50, []string{"2", "4", "8", "16"}}, {200, []string{"2", "4", "8", "16"}}, {1000, []string{"4"}}} {
			b.Run(fmt.Sprintf("%s/%d", d.Version, size.containers), func(b *testing.B) {
				r := &race{b: b, daemon: d, dir: b.TempDir(), floor: floor, fairlead: fairlead}
				r.run(size.containers, size.parallel)
			})
		}
	}
}

// goBuild gives a program as it is shipped, without the race detector.
func goBuild(b testing.TB, pkg string) string {
	path := filepath.Join(b.TempDir(), filepath.Base(filepath.Clean("fairlead/"+pkg)))
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return path
}

// race runs the two programs, each in a namespace of its own.
type race struct {
	b               *testing.B
	daemon          *harness.Daemon
	dir             string
	floor, fairlead string
}

func (r *race) run(n int, turns []string) {
	archive := filepath.Join(r.dir, "app.tar")
	img, err := shared.probes.Image(harness.ImageOptions{Version: "1"})
	if err == nil {
		err = harness.Write(archive, "example.com/app:1", harness.DockerArchive, img)
	}
	if err != nil {
		r.b.Fatal(err)
	}
	text := fmt.Sprintf("stack \"s\" {}\nimage \"app\" {\n  name = \"example.com/app:1\"\n  load = %q\n}\n"+
		"container \"c\" {\n  count        = %d\n  image        = image.app\n  network_mode = \"none\"\n}\n", archive, n)
	if err := os.WriteFile(filepath.Join(r.dir, "s.fairlead.hcl"), []byte(text), 0o644); err != nil {
		r.b.Fatal(err)
	}
	base := fmt.Sprintf("bench%d", shared.spaces.Add(1))

	// The floor at its best parallelism, and fairlead as it comes, turn by turn, and of each the best: machines are noisy.
	flags := []string{"--data-root", filepath.Join(r.dir, "data"), "-C", r.dir}
	floor := [2]time.Duration{time.Hour, time.Hour} // up, down
	ours := floor
	var list, plan time.Duration
	var planned, applied int64 // MiB at the most
	for i, parallel := range turns {
		floor[0] = min(floor[0], r.time(base+"floor", r.floor, "up", archive, "example.com/app:1", fmt.Sprint(n), parallel))
		floor[1] = min(floor[1], r.time(base+"floor", r.floor, "down", parallel))
		r.clear(base + "floor")
		apply := append(flags, "apply", "--yes")
		if n < 200 {
			ours[0] = min(ours[0], r.time(base, r.fairlead, apply...))
		} else { // what measures the memory takes some 10 ms of this
			took, peak := r.peak(base, apply...)
			ours[0], applied = min(ours[0], took), max(applied, peak)
		}
		if i == 0 {
			list = r.median(base, r.floor, "list")
			plan = r.median(base, r.fairlead, append(flags, "plan", "--detailed-exitcode")...)
			if n >= 200 {
				_, planned = r.peak(base, append(flags, "plan", "--detailed-exitcode")...)
			}
		}
		ours[1] = min(ours[1], r.time(base, r.fairlead, append(flags, "destroy", "--yes")...))
		r.clear(base)
	}
	r.report(fmt.Sprintf("plan, nothing to do, %d running", n), "plan", list, plan)
	r.report(fmt.Sprintf("apply of %d from nothing", n), "apply", floor[0], ours[0])
	r.report(fmt.Sprintf("destroy of %d", n), "destroy", floor[1], ours[1])
	if planned > 0 {
		r.b.Logf("| containerd %s | peak memory at %d | plan %d MiB | apply %d MiB |", r.daemon.Version, n, planned, applied)
	}
}

// peak runs fairlead, and gives how long it took and the most memory that it had, in MiB.
func (r *race) peak(ns string, args ...string) (time.Duration, int64) {
	start := time.Now()
	kib, err := strconv.ParseInt(strings.TrimSpace(r.output(ns, r.floor, append([]string{"peak", r.fairlead}, args...)...)), 10, 64)
	if err != nil {
		r.b.Fatal(err)
	}
	return time.Since(start), kib >> 10
}

// clear takes away what is left in a namespace, so that each turn begins from nothing.
func (r *race) clear(ns string) {
	if _, err := r.daemon.Leaks(ns, r.dir); err != nil {
		r.b.Fatal(err)
	}
}

func (r *race) report(what, unit string, floor, ours time.Duration) {
	ratio := ours.Seconds() / floor.Seconds()
	r.b.ReportMetric(ratio, unit+"/floor")
	r.b.Logf("| containerd %s | %s | %v | %v | %.2f |", r.daemon.Version, what, floor.Round(time.Millisecond), ours.Round(time.Millisecond), ratio)
}

func (r *race) time(ns, program string, args ...string) time.Duration {
	start := time.Now()
	r.output(ns, program, args...)
	return time.Since(start)
}

// output runs a program, and gives what it wrote.
func (r *race) output(ns, program string, args ...string) string {
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "CONTAINERD_ADDRESS="+r.daemon.Address, "CONTAINERD_NAMESPACE="+ns, "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.b.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// median of eleven runs.
func (r *race) median(ns, program string, args ...string) time.Duration {
	var all []time.Duration
	for range 11 {
		all = append(all, r.time(ns, program, args...))
	}
	slices.Sort(all)
	return all[len(all)/2]
}
