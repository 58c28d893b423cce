package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

// BenchmarkPlanOfContext measures a plan that finds a context of 20,000 files unchanged, against find, which stats the same tree,
// and the plan of a stack without anything.
func BenchmarkPlanOfContext(b *testing.B) {
	shared.start(b)
	fairlead := goBuild(b, ".")
	for _, d := range shared.daemons {
		b.Run(d.Version, func(b *testing.B) {
			r := newBuildRace(b, d, fairlead)
			tree, empty := filepath.Join(r.dir, "tree"), filepath.Join(r.dir, "empty")
			r.must(harness.Tree(filepath.Join(tree, "src"), 20000, 1))
			r.file("tree/src/Dockerfile", "FROM scratch\nCOPY . /\n") // all of it is an input
			r.file("tree/src/.dockerignore", ".git\n**/*.tmp\nnode_modules\n*.log\n!keep.log\n")
			r.file("tree/s.fairlead.hcl", "stack \"s\" {}\nimage \"app\" {\n  build { context = \"./src\" }\n}\n")
			r.file("empty/s.fairlead.hcl", "stack \"e\" {}\n")
			r.fairlead(tree, "apply", "--yes")
			time.Sleep(2100 * time.Millisecond) // what was written just now is not taken to be settled
			r.fairlead(tree, "plan", "--detailed-exitcode")
			stat := exec.Command("find", filepath.Join(tree, "src"), "-printf", "%p %m %s %T@ %C@ %i\n")
			var plan, none, walk []time.Duration
			for range 15 { // of each the best counts: machines are noisy
				walk = append(walk, r.run(exec.Command(stat.Path, stat.Args[1:]...)))
				none = append(none, r.fairlead(empty, "plan", "--detailed-exitcode"))
				plan = append(plan, r.fairlead(tree, "plan", "--detailed-exitcode"))
			}
			r.fairlead(tree, "destroy", "--yes")
			ratio := (slices.Min(plan) - slices.Min(none)).Seconds() / slices.Min(walk).Seconds()
			b.ReportMetric(ratio, "plan/find")
			b.Logf("| containerd %s | plan, context of 20,000 files unchanged | find %s, plan of nothing %s, plan %s | %.2f |", d.Version,
				slices.Min(walk).Round(time.Millisecond), slices.Min(none).Round(time.Millisecond), slices.Min(plan).Round(time.Millisecond), ratio)
		})
	}
}

// benchDockerfile needs no emulator: what is run is run for the host's own platform.
const benchDockerfile = `FROM --platform=$BUILDPLATFORM scratch AS build
COPY busybox /bin/sh
COPY part00 /src
ARG TARGETARCH
RUN cat /src/*/* >/app; echo $TARGETARCH >>/app
FROM scratch
COPY --from=build /app /app
COPY part00 /assets
ENV A=1
CMD ["/app"]
`

// BenchmarkCachedBuild measures an apply that has a two-platform image built, all of whose steps are in the builder's cache, against
// buildctl build of the same: with a buildkitd that runs, and where each starts its own.
func BenchmarkCachedBuild(b *testing.B) {
	shared.start(b)
	fairlead := goBuild(b, ".")
	for _, d := range shared.daemons {
		for _, own := range []bool{false, true} {
			b.Run(d.Version+map[bool]string{false: "/started", true: "/own"}[own], func(b *testing.B) { cachedBuild(newBuildRace(b, d, fairlead), own) })
		}
	}
}

func cachedBuild(r *buildRace, own bool) {
	r.must(harness.Tree(filepath.Join(r.dir, "src"), 1000, 1))
	r.file("src/Dockerfile", benchDockerfile)
	busybox, err := os.ReadFile("/bin/busybox")
	r.must(err)
	r.file("src/busybox", string(busybox))
	r.must(os.Chmod(filepath.Join(r.dir, "src/busybox"), 0o755))
	r.file("s.fairlead.hcl", "stack \"s\" {}\nimage \"app\" {\n  build {\n    context   = \"./src\"\n    platforms = [\"linux/amd64\", \"linux/arm64\"]\n  }\n}\n")
	theirs, err := r.daemon.NewBuilder(shared.top, filepath.Join(r.dir, "bk"), r.namespace)
	r.must(err)
	r.b.Cleanup(theirs.Stop)
	if !own {
		r.must(theirs.Start())
		r.host = theirs.Host
	}
	peer := func() time.Duration {
		start := time.Now()
		if own {
			r.must(theirs.Start())
		}
		r.run(exec.Command(filepath.Join(shared.top, "bin/buildctl"), "--addr", theirs.Host, "build", "--frontend", "dockerfile.v0",
			"--local", "context="+r.dir+"/src", "--local", "dockerfile="+r.dir+"/src", "--opt", "platform=linux/amd64,linux/arm64",
			"--opt", "build-arg:SOURCE_DATE_EPOCH=0", "--output", "type=image,name=example.com/peer:1,rewrite-timestamp=true,oci-mediatypes=true"))
		if own {
			theirs.Stop()
		}
		return time.Since(start)
	}
	ours := func() time.Duration { return r.fairlead(r.dir, "apply", "--yes", "--replace", "image.app") }
	peer()
	r.fairlead(r.dir, "apply", "--yes")
	time.Sleep(2100 * time.Millisecond) // what was written just now is not taken to be settled
	peer()
	ours()
	var floor, took []time.Duration
	for range 9 { // of each the best counts: machines are noisy
		floor, took = append(floor, peer()), append(took, ours())
	}
	r.fairlead(r.dir, "destroy", "--yes")
	ratio := slices.Min(took).Seconds() / slices.Min(floor).Seconds()
	r.b.ReportMetric(ratio, "apply/buildctl")
	r.b.Logf("| containerd %s | apply of a cached build, own buildkitd %t | %s | %s | %.2f |", r.daemon.Version, own,
		slices.Min(floor).Round(time.Millisecond), slices.Min(took).Round(time.Millisecond), ratio)
}

// buildRace is a directory and a namespace to build in.
type buildRace struct {
	b         *testing.B
	daemon    *harness.Daemon
	dir       string // short: sockets are in it
	namespace string
	program   string
	host      string // of the buildkitd; "": fairlead's own
}

func newBuildRace(b *testing.B, d *harness.Daemon, program string) *buildRace {
	n := shared.spaces.Add(1)
	r := &buildRace{b: b, daemon: d, dir: filepath.Join(shared.dir, fmt.Sprintf("b%d", n)), namespace: fmt.Sprintf("bench%d", n), program: program}
	r.must(os.Mkdir(r.dir, 0o755))
	b.Cleanup(func() {
		if err := d.DropBuilderCache(r.namespace); err != nil {
			b.Error(err)
		}
		if left, err := d.Leaks(r.namespace, r.dir); err != nil || len(left) > 0 {
			b.Errorf("left: %q, %v", left, err)
		}
	})
	return r
}

func (r *buildRace) must(err error) {
	r.b.Helper()
	if err != nil {
		r.b.Fatal(err)
	}
}

func (r *buildRace) file(name, text string) {
	path := filepath.Join(r.dir, name)
	r.must(os.MkdirAll(filepath.Dir(path), 0o755))
	r.must(os.WriteFile(path, []byte(text), 0o644))
}

func (r *buildRace) run(cmd *exec.Cmd) time.Duration {
	r.b.Helper()
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.b.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return time.Since(start)
}

func (r *buildRace) fairlead(dir string, args ...string) time.Duration {
	r.b.Helper()
	host := r.host
	if host == "" {
		host = "own"
	}
	cmd := exec.Command(r.program, append([]string{"--data-root", filepath.Join(r.dir, "data"), "-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "CONTAINERD_ADDRESS="+r.daemon.Address, "CONTAINERD_NAMESPACE="+r.namespace, "BUILDKIT_HOST="+host,
		"PATH="+filepath.Join(shared.top, "bin")+":"+os.Getenv("PATH"), "NO_COLOR=1")
	return r.run(cmd)
}
