package buildkit

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/pkg/namespaces"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/ctrd/ctrdtest"
)

// during starts a build that doesn't end, and calls f once its RUN runs; it gives the build's error.
func (b *bench) during(f func(cancel func())) error {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	running := make(chan struct{}, 100)
	done := make(chan error, 1)
	go func() {
		_, err := b.Build(ctx, b.inline(record, shell+"RUN echo begun; sleep 100\n"), func(p executor.Progress) {
			b.report(p)
			if strings.Contains(strings.Join(p.Lines, "\n"), "] begun") {
				running <- struct{}{}
			}
		})
		done <- err
	}()
	select {
	case <-running:
	case err := <-done:
		b.t.Fatalf("the build ended before its time: %v\n%s", err, b.log())
	}
	f(cancel)
	select {
	case err := <-done:
		return err
	case <-time.After(90 * time.Second):
		b.t.Fatal("the build doesn't end")
		return nil
	}
}

// After its buildkitd was killed in the middle of a RUN, the next build works, and nothing of the killed one stays.
func TestBuildkitdKilled(t *testing.T) {
	each(t, func(b *bench) {
		err := b.during(func(func()) { _ = b.own.cmd.Process.Kill() })
		if err == nil || !strings.Contains(err.Error(), "it ended in the middle of the build") {
			b.t.Errorf("error: %v", err)
		}
		if left := b.left(); len(left) < 3 {
			b.t.Errorf("there is nothing to clear: %q", left)
		}
		before := b.temporary()
		b.build(b.inline(record, shell+"RUN true\n"))
		b.clean()
		for _, l := range b.temporary() {
			if slices.Contains(before, l) {
				b.t.Errorf("left: lease %s", l)
			}
		}
		if err := b.Close(context.Background()); err != nil {
			b.t.Error(err)
		}
		b.clean()
	})
}

// temporary gives BuildKit's leases of what is under way.
func (b *bench) temporary() []string {
	b.t.Helper()
	ls, err := b.client.LeasesService().List(namespaces.WithNamespace(context.Background(), ctrdtest.Namespace), `labels."buildkit/lease.temporary"`)
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, l := range ls {
		out = append(out, l.ID)
	}
	return out
}

// clean makes sure that nothing is left of builds that were killed.
func (b *bench) clean() {
	b.t.Helper()
	for _, l := range b.left() {
		if b.own == nil || !strings.Contains(l, "buildkitd") {
			b.t.Errorf("left: %s", l)
		}
	}
}

// A cancelled build ends soon, and leaves nothing running.
func TestCancel(t *testing.T) {
	each(t, func(b *bench) {
		if err := b.during(func(cancel func()) { cancel() }); !errors.Is(err, context.Canceled) {
			b.t.Errorf("error: %v", err)
		}
		if err := b.Close(context.Background()); err != nil {
			b.t.Error(err)
		}
		b.clean()
	})
}

// A builder whose own process is killed takes its buildkitd with it, and lets the next one have its root.
func TestFairleadKilled(t *testing.T) {
	if address := os.Getenv("BUILDKIT_TEST_ADDRESS"); address != "" {
		holdBuild(t, address)
		return
	}
	each(t, func(b *bench) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFairleadKilled$")
		cmd.Env = append(os.Environ(), "BUILDKIT_TEST_ADDRESS="+b.daemon.Address, "BUILDKIT_TEST_TOOLS="+b.tools, "TMPDIR="+b.t.TempDir())
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			b.t.Fatal(err)
		}
		var said strings.Builder
		for buf := make([]byte, 4096); !strings.Contains(said.String(), "begun"); {
			n, err := out.Read(buf)
			said.Write(buf[:n])
			if err != nil {
				b.t.Fatalf("%v: %s", err, said.String())
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		b.build(b.inline(record, shell+"RUN true\n"))
		b.clean()
	})
}

// holdBuild is the other process of TestFairleadKilled.
func holdBuild(t *testing.T, address string) {
	d := &ctrdtest.Daemon{Dir: filepath.Dir(address), Address: address}
	b := newBench(t, d, Options{Host: Own})
	b.tools = os.Getenv("BUILDKIT_TEST_TOOLS")
	_, _ = b.Build(b.ctx, b.inline(record, shell+"RUN echo begun; sleep 100\n"), func(p executor.Progress) {
		_, _ = os.Stdout.WriteString(strings.Join(p.Lines, "\n") + "\n")
	})
}

// Sweep clears what a killed pair of fairlead and buildkitd left, also where nothing is built any more.
func TestSweep(t *testing.T) {
	each(t, func(b *bench) {
		_ = b.during(func(func()) { _ = b.own.cmd.Process.Kill() })
		next := newBench(b.t, b.daemon, Options{Host: Own})
		if err := next.Sweep(b.ctx); err != nil { // while the first has the lock, all is its own
			b.t.Error(err)
		}
		if len(b.left()) == 0 {
			b.t.Error("cleared under the lock of another")
		}
		b.own.lock.release()
		if err := next.Sweep(b.ctx); err != nil {
			b.t.Error(err)
		}
		b.clean()
	})
}

// Of two builders on one root, the second waits for the first, and says for whom.
func TestTwoBuilders(t *testing.T) {
	each(t, func(b *bench) {
		first := b.inline(record, shell)
		b.build(first)
		other := newBench(b.t, b.daemon, Options{Host: Own})
		done := make(chan error, 1)
		waits := make(chan string, 10)
		go func() {
			_, err := other.Build(other.ctx, other.inline("docker.io/library/two:1", shell), func(p executor.Progress) {
				if strings.HasPrefix(p.Note, "waiting") {
					waits <- p.Note
				}
			})
			done <- err
		}()
		want := "waiting for the builder, which stack test, process " + strconv.Itoa(os.Getpid()) + ", uses"
		if got := <-waits; got != want {
			b.t.Errorf("%q is not %q", got, want)
		}
		select {
		case err := <-done:
			b.t.Errorf("it didn't wait: %v", err)
		case <-time.After(300 * time.Millisecond):
		}
		pid := b.own.cmd.Process.Pid
		if err := b.Close(context.Background()); err != nil {
			b.t.Error(err)
		}
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			b.t.Errorf("the first buildkitd is there: %v", err)
		}
		if err := <-done; err != nil {
			b.t.Error(err)
		}
	})
}

// A wait for the builder ends with its context.
func TestWaitIsCancelled(t *testing.T) {
	each(t, func(b *bench) {
		b.build(b.inline(record, shell))
		other := newBench(b.t, b.daemon, Options{Host: Own})
		ctx, cancel := context.WithTimeout(other.ctx, 300*time.Millisecond)
		defer cancel()
		if _, err := other.Build(ctx, other.inline(record, shell), nil); !errors.Is(err, context.DeadlineExceeded) {
			b.t.Errorf("error: %v", err)
		}
	})
}

// The end of a builder ends the bare lease by which BuildKit has garbage collected, where it ended before that was deleted; it ends no lease of
// somebody else.
func TestBareLeases(t *testing.T) {
	each(t, func(b *bench) {
		ctx := namespaces.WithNamespace(context.Background(), ctrdtest.Namespace)
		held := b.client.LeasesService()
		create := func(opts ...leases.Opt) leases.Lease {
			l, err := held.Create(ctx, append([]leases.Opt{leases.WithRandomID()}, opts...)...)
			if err != nil {
				b.t.Fatal(err)
			}
			b.t.Cleanup(func() { _ = held.Delete(ctx, l) })
			return l
		}
		before := create()
		res := b.build(b.inline(record, shell))
		bare, labelled, keeps := create(), create(leases.WithLabel("a", "b")), create()
		if err := held.AddResource(ctx, keeps, leases.Resource{ID: res.Target.Digest.String(), Type: "content"}); err != nil {
			b.t.Fatal(err)
		}
		if err := b.Close(context.Background()); err != nil {
			b.t.Error(err)
		}
		all, err := held.List(ctx)
		if err != nil {
			b.t.Fatal(err)
		}
		there := func(l leases.Lease) bool {
			return slices.ContainsFunc(all, func(o leases.Lease) bool { return o.ID == l.ID })
		}
		if there(bare) {
			b.t.Error("the bare lease is there")
		}
		for what, l := range map[string]leases.Lease{"made before": before, "with a label": labelled, "that keeps something": keeps} {
			if !there(l) {
				b.t.Errorf("the lease %s is gone", what)
			}
		}
	})
}
