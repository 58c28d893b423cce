package buildkit

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"

	"github.com/fairlead-dev/fairlead/executor"
)

// A build's steps are told as they end, their output line by line with the step before it, and BuildKit's own steps not at all. What is
// written to a terminal is cleaned where it is written.
func TestView(t *testing.T) {
	var got executor.Progress
	v := newView(func(p executor.Progress) { got = p })
	at := func(seconds float64) *time.Time {
		x := time.Unix(0, 0).Add(time.Duration(seconds * float64(time.Second)))
		return &x
	}
	const run = "[linux/arm64 build 2/3] RUN make"
	v.foldStatus(&client.SolveStatus{Vertexes: []*client.Vertex{
		{Digest: "own", Name: "[internal] load build context", Started: at(0)},
		{Digest: "run", Name: run, Started: at(1)},
		{Digest: "cached", Name: "[build 1/3] COPY . .", Started: at(1), Completed: at(1), Cached: true},
	}, Logs: []*client.VertexLog{{Vertex: "run", Data: []byte("one\nhalf ")}}})
	v.flush()
	want := executor.Progress{Note: run, Lines: []string{"CACHED [build 1/3] COPY . .", "[linux/arm64 build 2/3] one"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	v.foldStatus(&client.SolveStatus{
		Logs:     []*client.VertexLog{{Vertex: "run", Data: []byte("a line\n10%\r99%\r100%\n\x1b[31mred")}},
		Statuses: []*client.VertexStatus{{ID: "layer", Vertex: "own", Current: 5, Total: 10}},
	})
	v.foldStatus(&client.SolveStatus{Vertexes: []*client.Vertex{
		{Digest: "own", Name: "[internal] load build context", Started: at(0), Completed: at(2)},
		{Digest: "run", Name: run, Started: at(1), Completed: at(3.26), Error: "exit code: 1"},
	}})
	v.flush()
	const tag = "[linux/arm64 build 2/3] "
	want = executor.Progress{Done: 5, Total: 10, Lines: []string{tag + "half a line", tag + "100%", tag + "\x1b[31mred", "ERROR " + run}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	name, tail := v.step("run")
	if name != run || strings.Join(tail, "|") != "one|half a line|100%|\x1b[31mred" || platformOf(tagOf(name)) != "linux/arm64" {
		t.Errorf("%q %q %q", name, tail, platformOf(tagOf(name)))
	}
	if p := platformOf(tagOf("[build 10/12] RUN a/b")); p != "" {
		t.Errorf("%q is no platform", p)
	}
}
