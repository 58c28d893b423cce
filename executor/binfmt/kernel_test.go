package binfmt

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
)

// find gives the distribution's rule as fairlead would register it.
func find(t *testing.T, h Host, platform string) Rule {
	t.Helper()
	r, ok, err := h.RuleFor(platform)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		t.Fatalf("no rule for %s: is %s installed?", platform, Package)
	}
	return r.Own()
}

func register(t *testing.T, h Host, r Rule) {
	t.Helper()
	if err := h.Register(r); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, h Host, platform string, want State) Status {
	t.Helper()
	s, err := h.Check(t.Context(), platform)
	if err != nil {
		t.Fatal(err)
	}
	if s.State != want {
		t.Fatalf("%s is %s (%s), want %s", platform, s.State, s.Problem, want)
	}
	return s
}

// Each platform is registered by the distribution's rule, runs, and runs no more when the handler is away.
func TestEveryPlatform(t *testing.T) {
	private(t, func(h Host) {
		if h.Mounted() {
			t.Fatal("binfmt_misc is mounted before anything is registered")
		}
		for _, m := range machines {
			for _, platform := range platformsOf(m) {
				before, err := h.Check(t.Context(), platform)
				if err != nil {
					t.Fatal(err)
				}
				if before.State == Native {
					t.Logf("%s: native", platform)
					continue
				}
				if before.State != Missing {
					t.Errorf("%s is %s before there is a handler: %s", platform, before.State, before.Problem)
				}
				if err := Probe(t.Context(), platform); !errors.Is(err, ErrNoHandler) {
					t.Errorf("%s without a handler: %v, want %v", platform, err, ErrNoHandler)
				}
				r := find(t, h, platform)
				register(t, h, r)
				start := time.Now()
				s := check(t, h, platform, Works)
				t.Logf("%s: %s, %s, in %s", platform, s.Handler.Interpreter, s.Handler.Flags, time.Since(start).Round(time.Millisecond))
				if s.Handler.Name != r.Name || !s.Handler.Owned() || !cmp.Equal(s.Handler.Pattern, r.Pattern) {
					t.Errorf("%s runs by %+v, want %+v", platform, s.Handler, r)
				}
				if err := h.Unregister(r.Name); err != nil {
					t.Fatal(err)
				}
				check(t, h, platform, Missing)
			}
		}
	})
}

// platformsOf gives all that a machine's emulator runs.
func platformsOf(m machine) []string {
	if m.platform == "linux/arm" {
		return []string{"linux/arm/v7", "linux/arm/v6", "linux/arm/v5"}
	}
	return []string{m.platform}
}

const foreign = "linux/s390x"

// A program that is not root has no root to run the probe in.
func TestProbeWithoutRoot(t *testing.T) {
	private(t, func(h Host) {
		register(t, h, find(t, h, foreign))
		m, _ := machineOf(foreign)
		program, err := programs.ReadFile("probe/" + m.arch())
		if err != nil {
			t.Fatal(err)
		}
		cmd, done, err := inMemory(program)
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		if err := runProbe(t.Context(), cmd); err != nil {
			t.Error(err)
		}
	})
}

func TestHandlersThatDoNotServe(t *testing.T) {
	private(t, func(h Host) {
		r := find(t, h, foreign)
		register(t, h, r)
		file, status := filepath.Join(h.Mount, r.Name), filepath.Join(h.Mount, "status")
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		says := func(s Status, parts ...string) {
			t.Helper()
			for _, part := range append(parts, s.Handler.Name) {
				if !strings.Contains(s.Problem, part) {
					t.Errorf("%q doesn't say %q", s.Problem, part)
				}
			}
		}

		must(writeOnce(file, "0"))
		says(check(t, h, foreign, Disabled), "switched off")
		must(writeOnce(file, "1"))
		must(writeOnce(status, "0"))
		says(check(t, h, foreign, Disabled), "switched off")
		must(writeOnce(status, "1"))
		check(t, h, foreign, Works)

		// Another's handler that came later gets the programs, whatever its name, also if it is of no use.
		later := r
		later.Name, later.Flags = "aaa", "PO"
		must(writeOnce(filepath.Join(h.Mount, "register"), later.Line()))
		s := check(t, h, foreign, Unfixed)
		says(s, "no flag F", later.Interpreter)
		if s.Handler.Name != "aaa" || s.Handler.Owned() {
			t.Errorf("the handler is %+v", s.Handler)
		}
		if err := Probe(t.Context(), foreign); err == nil || !strings.Contains(err.Error(), "flag F") {
			t.Errorf("the probe of a handler without F: %v", err)
		}
		// Registered again, fairlead's own is the last.
		register(t, h, r)
		check(t, h, foreign, Works)

		// An interpreter that runs and is no emulator.
		broken := r
		broken.Name, broken.Interpreter = "fairlead-zz", copyAs(t, "/bin/busybox", "true")
		register(t, h, broken)
		says(check(t, h, foreign, Broken), "ended with 0")
		// One of another architecture.
		broken.Interpreter = find(t, h, "linux/ppc64le").Interpreter
		register(t, h, broken)
		says(check(t, h, foreign, Broken), "does not run", "ppc64le")
		// One that never ends.
		broken.Interpreter = copyAs(t, "/bin/busybox", "yes")
		register(t, h, broken)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if err := Probe(ctx, foreign); err == nil || !strings.Contains(err.Error(), "did not end") {
			t.Errorf("the probe of an endless emulator: %v", err)
		}
	})
}

// The flag P and the interpreter have to agree, or arguments move.
func TestArgumentsThatMove(t *testing.T) {
	private(t, func(h Host) {
		r := find(t, h, foreign)
		if !strings.HasSuffix(r.Interpreter, wantsP) {
			t.Skipf("%s is not one that wants P", r.Interpreter)
		}
		r.Flags = "F"
		register(t, h, r)
		s := check(t, h, foreign, Broken)
		if !strings.Contains(s.Problem, "wants flag P") {
			t.Errorf("it says %q", s.Problem)
		}
		register(t, h, r.Own())
		check(t, h, foreign, Works)
	})
}

// Processes that find binfmt_misc missing at the same time mount it once.
func TestMountedOnce(t *testing.T) {
	private(t, func(h Host) {
		var g errgroup.Group
		for range 8 {
			g.Go(h.mount)
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(mounts), h.Mount); n != 1 {
			t.Errorf("it is mounted %d times", n)
		}
	})
}

func TestRegisterRefuses(t *testing.T) {
	private(t, func(h Host) {
		r := find(t, h, foreign)
		others := r
		others.Name = "qemu-s390x"
		loose := r
		loose.Flags = "PO"
		gone := r
		gone.Interpreter = "/nonexistent/qemu"
		for want, r := range map[string]Rule{"not fairlead's": others, "no flag F": loose, "/nonexistent/qemu is not there": gone} {
			if err := h.Register(r); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Register(%s): %v, want %q", r.Line(), err, want)
			}
		}
		if err := h.Unregister("qemu-s390x"); err == nil {
			t.Error("another's handler is unregistered")
		}
		if err := h.Unregister("fairlead-nothing"); err != nil {
			t.Errorf("unregistering what is not there: %v", err)
		}
		all, err := h.Handlers()
		if err != nil || len(all) != 0 {
			t.Errorf("registered: %v, %v", all, err)
		}
	})
}

// The program that is probed with is the only one in its root, and finds nothing of the host's.
func TestProbesRunSideBySide(t *testing.T) {
	errs := make(chan error)
	platform := "linux/" + runtime.GOARCH
	for range 16 {
		go func() { errs <- Probe(t.Context(), platform) }()
		go func() { errs <- exec.Command("/bin/true").Run() }()
	}
	for range 32 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if err := Probe(t.Context(), "plan9/mips"); err == nil {
		t.Error("a platform that nobody knows works")
	}
}

func copyAs(t *testing.T, path, name string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}
