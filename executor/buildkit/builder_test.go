package buildkit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	containerd "github.com/containerd/containerd/v2/client"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/ctrd/ctrdtest"
	"github.com/fairlead-dev/fairlead/spec"
)

// shell is the beginning of a Dockerfile whose RUNs work, without a registry.
const shell = "FROM scratch AS base\nCOPY --from=tools busybox /bin/sh\n"

// bench is a builder on a private containerd, and what is needed to use it.
type bench struct {
	*Builder
	t      *testing.T
	daemon *ctrdtest.Daemon
	client *containerd.Client
	ctx    context.Context
	tools  string // a directory with busybox

	mu    sync.Mutex
	lines []string // that builds reported
	notes []string
}

// each runs f with an own builder on both containerds.
func each(t *testing.T, f func(b *bench)) {
	bins(t)
	ctrdtest.Each(t, func(t *testing.T, d *ctrdtest.Daemon) { f(newBench(t, d, Options{Host: Own})) })
}

// bins puts what was built into PATH.
func bins(t *testing.T) {
	t.Helper()
	bin, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{filepath.Join(bin, program), "/bin/busybox"} {
		if _, err := os.Stat(f); err != nil {
			t.Skipf("%s is not there: `make deps build` gets it", f)
		}
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func newBench(t *testing.T, d *ctrdtest.Daemon, o Options) *bench {
	t.Helper()
	client := d.Client(t)
	o.Client, o.Address, o.Namespace, o.Stack = client, d.Address, ctrdtest.Namespace, "test"
	if o.DataRoot == "" {
		o.DataRoot = filepath.Join(d.Dir, "data")
	}
	b := &bench{Builder: New(o), t: t, daemon: d, client: client, ctx: d.Context(t, client), tools: t.TempDir()}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	busybox, err := os.ReadFile("/bin/busybox")
	if err == nil {
		err = os.WriteFile(filepath.Join(b.tools, "busybox"), busybox, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// inline is a request for a Dockerfile without a context, but for the tools.
func (b *bench) inline(record, dockerfile string) Request {
	return Request{Record: record, Build: &spec.Build{
		Inline:   dockerfile,
		Contexts: map[string]spec.BuildContext{"tools": {Dir: b.tools}},
	}}
}

func (b *bench) report(p executor.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, p.Lines...)
	b.notes = append(b.notes, p.Note)
}

// log is all that was reported.
func (b *bench) log() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(append(b.lines, b.notes...), "\n")
}

func (b *bench) build(r Request) Result {
	b.t.Helper()
	res, err := b.Build(b.ctx, r, b.report)
	if err != nil {
		b.t.Fatalf("%v\n%s", err, b.log())
	}
	return res
}

func TestErr(t *testing.T) {
	each(t, func(b *bench) {
		for _, d := range []string{
			shell + "RUN echo out; echo err >&2; exit 3\n",
			shell + "FRM x\n",
			shell + "COPY nothing /x\n",
			shell + "COPY --from=tools nothing /x\n",
			shell + "RUN --mount=type=secret,id=s,required=true cat /run/secrets/s\n",
			"FROM 127.0.0.1:1/nothing:1\n",
			"FROM nosuch.invalid/nothing:1\n",
			shell + "COPY --from=nostage a b\n",
			shell + "RUN --mount=type=ssh,required=true true\n",
			shell + "RUN nocommand\n",
			shell + "RUN [\"/nothing\"]\n",
			shell + "ADD http://127.0.0.1:1/x /x\n",
			"FROM\n",
			"",
			"# syntax=127.0.0.1:1/front:1\n" + shell,
			shell + "USER nobody\nRUN true\n",
			shell + "COPY ../x /x\n",
		} {
			_, err := b.Build(b.ctx, b.inline("docker.io/x/y:1", d), b.report)
			fmt.Printf("===== %q\n%v\n", strings.TrimPrefix(d, shell), err)
		}
		r := b.inline("docker.io/x/y:1", shell)
		r.Build.Target = "bas"
		_, err := b.Build(b.ctx, r, b.report)
		fmt.Printf("===== target %v\n", err)
		r.Build.Target = ""
		r.Platforms = []string{"linux/arm64", "linux/amd64"}
		r.Build.Inline = shell + "RUN exit 4\n"
		_, err = b.Build(b.ctx, r, b.report)
		fmt.Printf("===== platform %v\n", err)
		r.Platforms = nil
		r.Build.Inline = shell + "RUN exit 4\n"
		r.Build.Network="host"
		r.Build.CacheFrom = []spec.BuildCache{{Type:"registry", Attrs: map[string]string{"ref":"127.0.0.1:1/x:1"}},{Type:"local", Attrs: map[string]string{"src":"/nowhere"}}}
		_, err = b.Build(b.ctx, r, b.report)
		fmt.Printf("===== cache %v\n", err)
		fmt.Println(b.log())
	})
}
