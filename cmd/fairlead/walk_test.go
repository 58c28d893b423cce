package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
	"github.com/fairlead-dev/fairlead/executor/ctrd"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// TestRandomWalk takes a stack through random changes on a real containerd. Some applies are killed, and sometimes somebody
// meddles with the host by hand. After each change the plan is empty, and the host equals one on which the last files were applied
// afresh, object by object, in normal form. FAIRLEAD_TEST_SEED repeats a walk.
func TestRandomWalk(t *testing.T) {
	shared.start(t)
	steps := 6
	if full() {
		steps = 150
	}
	seed := testSeed(t)
	for _, d := range shared.daemons {
		t.Run(d.Version, func(t *testing.T) {
			w := &walker{lab: newLab(t, d), fresh: newLab(t, d), random: rand.New(rand.NewPCG(seed, 1)), wish: wish{}}
			w.fresh.dir = w.lab.dir // the same files and archives
			for n := range steps {
				if w.step(n); t.Failed() {
					break
				}
			}
			w.lab.must("destroy", "--yes")
		})
	}
}

// wish is what the files ask for, by container; "" has what is not of one.
type wish map[string]map[string]string

// walker goes the walk.
type walker struct {
	lab, fresh *lab
	random     *rand.Rand
	wish       wish
}

// choices are what the attributes of a container may be, as they are written in files; "" leaves the attribute out.
var choices = []struct {
	name   string
	values []string
}{
	{"image", []string{"image.one", "image.two", "image.moves"}},
	{"env", []string{"", `{ A = "1" }`, `{ A = "2", B = "" }`, `{ VERSION = "mine" }`}},
	{"labels", []string{"", `{ tier = "web" }`, `{ tier = "db", "a/b" = "c d" }`, `{ version = "1" }`}},
	{"annotations", []string{"", `{ "example.com/note" = "x" }`}},
	{"command", []string{"", `["/probe", "again"]`, `["/bin/sh", "-c", "exec /probe"]`}},
	{"entrypoint", []string{"", `["/probe"]`}},
	{"working_dir", []string{"", `"/tmp"`}},
	{"user", []string{"", `"app"`, `"1000:29"`, `"0"`}},
	{"groups", []string{"", `["audio"]`, `["7", "audio"]`}},
	{"hostname", []string{"", `"here"`}},
	{"network_mode", []string{`"none"`, `"host"`}},
	{"restart", []string{"", `"no"`, `"always"`, `"unless-stopped"`, `"on-failure:3"`}},
	{"state", []string{"", `"running"`, `"stopped"`, `"paused"`}},
	{"stop_signal", []string{"", `"SIGINT"`, `"SIGKILL"`}},
	{"stop_timeout", []string{"", `"3s"`, `"1500ms"`}},
	{"mount", []string{"", `{ bind = "/etc/hostname", target = "/mnt/name", read_only = true }`, `{ bind = "/etc/hostname", target = "/mnt/name" }`}},
	{"tmpfs", []string{"", `{ size = "1MiB" }`, `{ size = "1MiB", mode = "0700" }`}},
	{"strategy", []string{"", `"start-first"`}},
	{"depends_on", []string{"", "[container.a]"}},
	{"tty", []string{"", "true"}},
	{"prevent_destroy", []string{"false"}},
}

var walkNames = []string{"a", "b", "c", "d"}

func (w *walker) pick(from []string) string { return from[w.random.IntN(len(from))] }

// change makes one random change to the wish.
func (w *walker) change() {
	name := w.pick(walkNames)
	c := w.wish[name]
	switch n := w.random.IntN(10); {
	case c == nil:
		c = map[string]string{}
		for _, a := range choices {
			c[a.name] = a.values[0]
		}
		w.wish[name] = c
		for range w.random.IntN(4) {
			w.change()
		}
	case n == 0 && name != "a": // b and c may depend on a
		delete(w.wish, name)
	case n == 1:
		w.wish[""] = map[string]string{"moves": w.pick([]string{"one", "two", "three"}), "tags": w.pick([]string{"[]", `["example.com/walk:tag"]`})}
	default:
		a := choices[w.random.IntN(len(choices))]
		c[a.name] = w.pick(a.values)
	}
}

// files writes the wish in fairlead's language.
func (w *walker) files() string {
	b := &strings.Builder{}
	b.WriteString("stack \"s\" {}\n")
	moves, tags := "one", "[]"
	if g := w.wish[""]; g != nil {
		moves, tags = g["moves"], g["tags"]
	}
	for _, i := range []string{"one", "two"} {
		fmt.Fprintf(b, "image %q {\n  name = \"example.com/walk:%s\"\n  load = \"%s.tar\"\n}\n", i, i, i)
	}
	fmt.Fprintf(b, "image \"moves\" {\n  load = \"%s.tar\"\n  tags = %s\n}\n", moves, tags)
	for _, name := range walkNames {
		c := w.wish[name]
		if c == nil {
			continue
		}
		fmt.Fprintf(b, "container %q {\n", name)
		for _, a := range choices {
			value := c[a.name]
			switch {
			case value == "":
			case a.name == "depends_on" && (name == "a" || w.wish["a"] == nil):
			case a.name == "depends_on" && strings.Contains(w.wish["a"]["state"], "stopped"):
			case a.name == "mount":
				fmt.Fprintf(b, "  mount %s\n", block(value))
			case a.name == "tmpfs":
				fmt.Fprintf(b, "  mount {\n    target = \"/scratch\"\n    tmpfs %s\n  }\n", block(value))
			case a.name == "strategy":
				fmt.Fprintf(b, "  update { strategy = %s }\n", value)
			case a.name == "prevent_destroy":
				fmt.Fprintf(b, "  lifecycle { prevent_destroy = %s }\n", value)
			default:
				fmt.Fprintf(b, "  %s = %s\n", a.name, value)
			}
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// block writes the attributes of an object as a nested block's body.
func block(object string) string {
	return "{\n" + strings.ReplaceAll(strings.Trim(object, "{} "), ", ", "\n") + "\n}"
}

// step changes the files, perhaps meddles, perhaps kills an apply, and then demands convergence.
func (w *walker) step(n int) {
	for range 1 + w.random.IntN(3) {
		w.change()
	}
	text := w.files()
	w.lab.write(text)
	did := "nothing else"
	switch w.random.IntN(4) {
	case 0:
		nth := 1 + w.random.IntN(25)
		if w.lab.killedAt(nth) {
			did = fmt.Sprintf("kill before call %d", nth)
		}
	case 1:
		did = w.meddle()
	}
	w.lab.t.Logf("step %d: %d containers, %s", n, strings.Count(text, "\ncontainer "), did)
	out := w.converge()
	got, want := w.lab.found(), w.afresh()
	if d := diff.Diff(want, got); d != "" {
		w.lab.t.Errorf("step %d (%s): the host differs from one on which the files were applied afresh (- afresh, + walked):\n%s\nfiles:\n%s\napply:\n%s", n, did, d, text, out)
	}
}

// converge applies until it succeeds: where the restart monitor moved something after the plan was made, it is told to plan again.
func (w *walker) converge() string {
	var out string
	for range 4 {
		var err error
		out, err = w.lab.try("apply", "--yes")
		if err == nil {
			break
		}
		if !strings.Contains(out, "the host changed since the plan was made") {
			w.lab.t.Fatalf("apply: %v\n%s\nfiles:\n%s", err, out, w.files())
		}
	}
	if again, err := w.lab.try("plan", "--detailed-exitcode"); err != nil {
		w.lab.t.Fatalf("the plan after an apply must be empty (%v):\n%s\napply:\n%s\nfiles:\n%s", err, again, out, w.files())
	}
	return out
}

// afresh is what an apply of the same files on an empty host leaves.
func (w *walker) afresh() []string {
	w.fresh.must("apply", "--yes")
	found := w.fresh.found()
	w.fresh.must("destroy", "--yes")
	return found
}

// meddle does what people do by hand.
func (w *walker) meddle() string {
	ctr := harness.CTR{Daemon: w.lab.daemon, Namespace: w.lab.namespace}
	ids, err := ctr.Containers()
	if err != nil {
		w.lab.t.Fatal(err)
	}
	if len(ids) == 0 {
		return "nothing to meddle with"
	}
	slices.Sort(ids)
	id := w.pick(ids)
	deeds := []struct {
		what string
		do   func() error
	}{
		{"a process is killed", func() error { return ctr.Kill(id) }},
		{"a task is taken away", func() error { return ctr.RemoveTask(id) }},
		{"a container is taken away", func() error { return ctr.Remove(id) }},
		{"a process is paused", func() error { return ctr.Pause(id) }},
		{"a label is changed", func() error { return ctr.Label(id, "tier", "meddled") }},
		{"an image is untagged", func() error { return ctr.Untag("example.com/walk:one") }},
		{"a process is stopped and the monitor told", func() error { return ctr.Stop(id) }},
	}
	deed := deeds[w.random.IntN(len(deeds))]
	if err := deed.do(); err != nil {
		return deed.what + " (" + err.Error() + ")"
	}
	return deed.what
}

// found is what the namespace holds, object by object: containers and images as a plan reads them, and all that is beneath.
func (l *lab) found() []string {
	r, err := ctrd.OpenReader(context.Background(), ctrd.Options{Address: l.proxy.Address, Namespace: l.namespace, DataRoot: l.dataRoot()})
	if err != nil {
		l.t.Fatal(err)
	}
	defer r.Close()
	var names []spec.Resource
	for _, n := range []string{"example.com/walk:one", "example.com/walk:two", "docker.io/s/moves:latest", "example.com/walk:tag"} {
		names = append(names, &spec.Image{Name: n, Block: spec.Block{Addr: spec.Addr{Kind: spec.KindImage, Name: n}}})
	}
	have, err := r.Observe(context.Background(), &spec.Config{Stack: spec.Stack{Name: "s"}, Resources: names}, ctrd.ObserveOptions{All: true})
	if err != nil {
		l.t.Fatal(err)
	}
	var lines []string
	for _, c := range have.Containers {
		lines = append(lines, "container "+c.Name+" "+normalContainer(l, c))
	}
	for _, i := range have.Images {
		lines = append(lines, "image "+i.ID+" "+plain(l, struct {
			Digest, Source string
			Owner          *planner.Owner
			Platforms      []string
			Protected      bool
		}{i.Digest, i.Source, i.Owner, i.Platforms, i.Protected}))
	}
	slices.Sort(lines)
	return append(lines, l.inventory()...)
}

// normalContainer is a container without what differs from life to life.
func normalContainer(l *lab, c *planner.LiveContainer) string {
	asked := *c.Spec
	asked.Update, asked.Lifecycle = spec.Update{}, spec.Lifecycle{} // what only the files say, the record may have from before
	// How it is said may differ: what counts is the process.
	asked.Command, asked.Entrypoint = asked.Args(c.ImageDefaults), nil
	asked.Env = maps.Clone(c.ImageDefaults.Env)
	maps.Copy(asked.Env, c.Spec.Env)
	asked.WorkingDir = cmp.Or(asked.WorkingDir, c.ImageDefaults.WorkingDir, "/")
	asked.User = cmp.Or(asked.User, c.ImageDefaults.User, "0")
	asked.StopSignal = cmp.Or(asked.StopSignal, c.ImageDefaults.StopSignal, "SIGTERM")
	status := c.Task.Status
	if status == planner.TaskStopped {
		status = planner.TaskNone // a task that has ended says no more than none
	}
	return plain(l, struct {
		Owner                         *planner.Owner
		Pending, Protected, Completed bool
		Image, Digest, Status         string
		Spec                          *spec.Container
	}{c.Owner, c.Pending, c.Protected, c.Completed, c.Image, c.Digest, string(status), &asked})
}

func plain(l *lab, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		l.t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), strconv.Quote(l.namespace), `"NS"`)
}
