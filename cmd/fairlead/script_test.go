package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

// world is what the tests of this package share: the built fairlead, the daemons, the program in test images.
type world struct {
	top     string // the checkout
	dir     string // short path for sockets and what is built
	bin     string // directory that holds fairlead, as scripts call it
	daemons []*harness.Daemon
	probes  *harness.Probes
	tiny    *harness.Tiny
	once    sync.Once
	err     error
	spaces  atomic.Int64
	ports   atomic.Int64
}

var shared world

func TestMain(m *testing.M) {
	code := m.Run()
	shared.close()
	os.Exit(code)
}

// start builds fairlead and starts the daemons, when the first test asks.
func (w *world) start(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("containerd and mounts need root")
	}
	w.once.Do(func() { w.err = w.open() })
	if w.err != nil {
		t.Fatal(w.err)
	}
}

func (w *world) open() error {
	top, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	// The length of its path is always the same, and so is where messages that hold it are wrapped. It holds the name of no namespace.
	dir := fmt.Sprintf("/tmp/fl%09d", rand.IntN(1e9))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	w.top, w.dir = top, dir
	w.bin = filepath.Join(dir, "bin")
	w.probes = &harness.Probes{Top: top, Dir: dir}
	w.tiny = &harness.Tiny{Top: top, Dir: dir}
	if err := w.build(); err != nil {
		return err
	}
	w.daemons = harness.Daemons(dir)
	for _, d := range w.daemons {
		if err := d.Start(); err != nil {
			return err
		}
	}
	return nil
}

// wrapper lets scripts call plain fairlead and keep their data apart; exec keeps the process ID for signals. By itself a program with
// the race detector sleeps a second before it ends.
const wrapper = "#!/bin/sh\nGORACE=\"atexit_sleep_ms=0 halt_on_error=1\" exec %s --data-root \"$DATAROOT\" \"$@\"\n"

func (w *world) build() error {
	real := filepath.Join(w.dir, "fairlead-real")
	cmd := exec.Command("go", "build", raceFlag, "-o", real, ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	if err := os.MkdirAll(w.bin, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.bin, "fairlead"), fmt.Appendf(nil, wrapper, real), 0o755)
}

func (w *world) close() {
	for _, d := range w.daemons {
		d.Stop(syscall.SIGTERM)
	}
	if w.dir != "" && os.Getenv("FAIRLEAD_TEST_KEEP") == "" {
		_ = os.RemoveAll(w.dir)
	}
}

// TestScripts runs the scripts, each in a namespace of its own: every one on the current containerd; on the older one those that say
// that it goes another way there, and with FAIRLEAD_TEST_FULL all but those that are for the older one alone.
func TestScripts(t *testing.T) {
	shared.start(t)
	eachDaemon(t, func(t *testing.T, d *harness.Daemon) {
		work := filepath.Join(shared.dir, "work", d.Version)
		if err := os.MkdirAll(work, 0o755); err != nil {
			t.Fatal(err)
		}
		testscript.Run(t, testscript.Params{
			Files:               scriptsFor(t, d.Version),
			WorkdirRoot:         work, // which goes with shared.dir
			Cmds:                commands(),
			Setup:               func(env *testscript.Env) error { return setup(env, d) },
			RequireExplicitExec: true,
			RequireUniqueNames:  true,
			ContinueOnError:     false,
		})
	})
}

// onLine is the first line of a script that names the containerd versions on which it runs: `# on: 1.6 2.4`.
const onLine = "# on: "

// currentDaemon is the containerd of a script that names none.
const currentDaemon = "2.4"

// scriptsFor gives the files of the scripts that run on a daemon.
func scriptsFor(t *testing.T, daemon string) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	var out []string
	for _, file := range files {
		if runsOn(daemonsOf(t, file), daemon, os.Getenv("FAIRLEAD_TEST_FULL") != "") {
			out = append(out, file)
		}
	}
	return out
}

// runsOn tells whether a script that names some daemons runs on one of them. A full run has every script on each, but one that isn't for the current
// daemon: it says what is so on the older one alone.
func runsOn(named []string, daemon string, full bool) bool {
	return slices.Contains(named, daemon) || full && slices.Contains(named, currentDaemon)
}

func TestRunsOn(t *testing.T) {
	for _, c := range []struct {
		named  []string
		daemon string
		plain  bool
		full   bool
	}{
		{[]string{"2.4"}, "2.4", true, true},
		{[]string{"2.4"}, "1.6", false, true},
		{[]string{"1.6", "2.4"}, "1.6", true, true},
		{[]string{"1.6"}, "1.6", true, true},
		{[]string{"1.6"}, "2.4", false, false},
	} {
		if plain, full := runsOn(c.named, c.daemon, false), runsOn(c.named, c.daemon, true); plain != c.plain || full != c.full {
			t.Errorf("%q on %s: %t, and %t in a full run", c.named, c.daemon, plain, full)
		}
	}
}

func daemonsOf(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	names, named := strings.CutPrefix(first, onLine)
	if !named {
		return []string{currentDaemon}
	}
	on := strings.Fields(names)
	for _, name := range on {
		if !slices.ContainsFunc(shared.daemons, func(d *harness.Daemon) bool { return d.Version == name }) {
			t.Fatalf("%s: %q names a containerd that the tests don't have", file, first)
		}
	}
	return on
}

// stage is what one script has: its daemon, namespace and data root, and what must be closed at its end.
type stage struct {
	daemon    *harness.Daemon
	namespace string
	dataRoot  string
	work      string
	registry  *harness.Registry
	proxy     *harness.Proxy
	seen      map[string]int64 // content by digest, as `content save` saw it

	builder     *harness.Builder
	files       *httptest.Server
	backgrounds map[string]*background // by variable
}

type stageKey struct{}

func setup(env *testscript.Env, d *harness.Daemon) error {
	n := shared.spaces.Add(1)
	s := &stage{daemon: d, namespace: fmt.Sprintf("t%d", n), work: env.WorkDir}
	s.dataRoot = filepath.Join(shared.dir, "data", s.namespace)
	if err := os.MkdirAll(s.dataRoot, 0o711); err != nil {
		return err
	}
	env.Values[stageKey{}] = s
	env.Setenv("PATH", scriptPath(env.Getenv("PATH")))
	env.Setenv("CONTAINERD_ADDRESS", d.Address)
	env.Setenv("CONTAINERD_NAMESPACE", s.namespace)
	env.Setenv("DATAROOT", s.dataRoot)
	env.Setenv("HOME", filepath.Join(env.WorkDir, ".home"))
	env.Setenv("DAEMON", d.Version)
	env.Setenv("NO_COLOR", "1")
	for i := 1; i <= 5; i++ {
		env.Setenv(fmt.Sprintf("PORT%d", i), fmt.Sprint(freePort()))
	}
	env.Defer(func() { s.end(env.T()) })
	return nil
}

// scriptPath puts the tools of go.mod behind the system's, wherever the caller has them: `make test` has them first, `go test` not at all.
func scriptPath(path string) string {
	tools := filepath.Join(shared.top, "bin")
	dirs := slices.DeleteFunc(filepath.SplitList(path), func(dir string) bool { return dir == tools })
	return strings.Join(slices.Concat([]string{shared.bin}, dirs, []string{"/usr/sbin", "/sbin", tools}), ":")
}

// end destroys what the script's files made, and fails the test if anything is left.
func (s *stage) end(t testscript.T) {
	s.endBackgrounds()
	if s.proxy != nil {
		s.proxy.Close()
	}
	if s.registry != nil {
		s.registry.Stop()
	}
	s.endBuilder()
	if s.files != nil {
		s.files.Close()
	}
	left, err := s.daemon.Leaks(s.namespace, s.dataRoot)
	if err != nil {
		t.Log("leaks: ", err)
		t.FailNow()
	}
	if client, err := s.daemon.Connect(); err == nil {
		_ = client.NamespaceService().Delete(context.Background(), s.namespace)
		_ = client.Close()
	}
	_ = os.RemoveAll(s.dataRoot)
	if f, ok := t.(interface{ Failed() bool }); ok && f.Failed() {
		return // it stopped half-way, of course there is something left
	}
	if len(left) > 0 {
		t.Log("left after the script; does it end with destroy?\n  " + strings.Join(left, "\n  "))
		t.FailNow()
	}
}
