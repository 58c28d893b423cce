package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

const (
	takenBase = `stack "s" {}
image "base" {
  name = "example.com/base:1"
  load = "three.tar"
}
`
	takenStack = takenBase + `image "one" {
  name = "example.com/one:1"
  load = "one.tar"
}
container "web" {
  image        = image.one
  network_mode = "none"
}
container "api" {
  image        = image.one
  network_mode = "none"
}
`
)

// intruder is somebody else who uses the lab's namespace.
type intruder struct {
	*lab
	client *containerd.Client
	ctx    context.Context
}

func newIntruder(t *testing.T, d *harness.Daemon) *intruder {
	l := newLab(t, d)
	client, err := d.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return &intruder{l, client, namespaces.WithNamespace(context.Background(), l.namespace)}
}

func (i *intruder) ok(err error) {
	i.t.Helper()
	if err != nil {
		i.t.Error(err)
	}
}

// tag makes a record as ctr does.
func (i *intruder) tag(name, from string) {
	rec, err := i.client.ImageService().Get(i.ctx, from)
	i.ok(err)
	_, err = i.client.ImageService().Create(i.ctx, images.Image{Name: name, Target: rec.Target})
	i.ok(err)
}

// takeName makes a container, by-hand, of a name.
func (i *intruder) takeName(name string) {
	_, err := i.client.ContainerService().Create(i.ctx, containers.Container{ID: "by-hand", Labels: map[string]string{"nerdctl/name": name},
		Runtime: containers.RuntimeInfo{Name: "io.containerd.runc.v2"}, Spec: &anypb.Any{TypeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Spec", Value: []byte("{}")}})
	i.ok(err)
}

func (i *intruder) giveBack() { i.ok(i.client.ContainerService().Delete(i.ctx, "by-hand")) }

// failsAt applies, does something before the first call of a method, and wants the apply to fail with these words.
func (i *intruder) failsAt(method string, do func(), words ...string) string {
	i.t.Helper()
	var once sync.Once
	i.arm(func(_ int, m string) error {
		if strings.HasSuffix(m, method) {
			once.Do(do)
		}
		return nil
	})
	out, err := i.try("apply", "--yes")
	i.arm(func(int, string) error { return nil })
	if err == nil {
		i.t.Errorf("before %s a name was taken, and the apply succeeded\n%s", method, out)
	}
	i.says(out, words...)
	return out
}

// says wants words, wherever their lines break.
func (i *intruder) says(out string, words ...string) {
	i.t.Helper()
	flat := strings.Join(strings.Fields(out), " ")
	for _, w := range words {
		if !strings.Contains(flat, w) {
			i.t.Errorf("it does not say %q:\n%s", w, out)
		}
	}
}

// A name that somebody takes while an apply is at work is left as it is: the apply fails, names who has it, and has touched nothing that ran.
func TestNamesTakenDuringAnApply(t *testing.T) {
	shared.start(t)
	eachDaemon(t, func(t *testing.T, d *harness.Daemon) {
		i := newIntruder(t, d)
		i.write(takenBase)
		i.must("apply", "--yes")

		// A record comes in the very moment in which fairlead creates its own.
		i.write(takenStack)
		i.failsAt("Images/Create", func() { i.tag("example.com/one:1", "example.com/base:1") },
			"image example.com/one:1: this name was taken since the plan was made", "no stack's", "Plan again")
		rec, err := i.client.ImageService().Get(i.ctx, "example.com/one:1")
		i.ok(err)
		if len(rec.Labels) != 0 {
			t.Errorf("the record that was made by hand has the labels %v", rec.Labels)
		}
		i.ok(i.client.ImageService().Delete(i.ctx, "example.com/one:1"))

		// So does a container of the name: nothing is started, and the next plan says it as well.
		i.failsAt("Containers/Create", func() { i.takeName("s-web") }, "the name s-web was taken since the plan was made: the container by-hand has it, and is no stack's")
		out, _ := i.try("plan")
		i.says(out, "the container by-hand has that name")
		i.giveBack()
		i.must("apply", "--yes")
		i.must("plan", "--detailed-exitcode")

		// In a replacement, what runs runs on.
		i.write(strings.ReplaceAll(takenStack, `"none"`, "\"none\"\n  env = { A = \"1\" }"))
		was := i.inventory()
		i.failsAt("Containers/Create", func() { i.takeName("s-api") }, "the name s-api was taken since the plan was made", "nothing that runs was touched")
		i.giveBack()
		now := strings.Join(i.inventory(), "\n")
		for _, line := range was {
			if strings.HasPrefix(line, "shim") && strings.Count(now, line) != strings.Count(strings.Join(was, "\n"), line) {
				t.Errorf("%s is gone, or came", line)
			}
		}
		i.must("apply", "--yes")

		// Two of one name are said by each plan, and keep nothing from going on.
		i.takeName("s-web")
		out, err = i.try("plan", "--detailed-exitcode")
		i.ok(err)
		i.says(out, "Two containers of one name", "the container by-hand has that name too")
		i.must("destroy", "--yes")
		i.giveBack()
	})
}

// Of two stacks that load one name at once, one has it, and the other fails and names it. They see the daemon at two addresses, so no lock of
// fairlead's keeps them apart: the daemon does.
func TestOneNameOfTwoStacks(t *testing.T) {
	shared.start(t)
	for _, d := range shared.daemons {
		i := newIntruder(t, d)
		for stack, archive := range map[string]string{"a": "one.tar", "b": "two.tar"} {
			at := filepath.Join(i.dir, stack)
			text := "stack \"" + stack + "\" {}\nimage \"app\" {\n  name = \"example.com/app:1\"\n  load = \"../" + archive + "\"\n}\n"
			i.ok(os.MkdirAll(at, 0o755))
			i.ok(os.WriteFile(filepath.Join(at, "s.fairlead.hcl"), []byte(text), 0o644))
		}
		b := []string{"-C", filepath.Join(i.dir, "b"), "--address", d.Address}
		var once sync.Once
		i.arm(func(_ int, m string) error {
			if strings.HasSuffix(m, "Images/Create") {
				once.Do(func() { i.must(append([]string{"apply", "--yes"}, b...)...) })
			}
			return nil
		})
		out, err := i.try("apply", "--yes", "-C", "a")
		if err == nil {
			t.Errorf("both have it:\n%s", out)
		}
		i.says(out, "example.com/app:1: this name was taken since the plan was made", `stack "b"'s, as image.app`)
		i.must(append([]string{"plan", "--detailed-exitcode"}, b...)...)
		i.must(append([]string{"destroy", "--yes"}, b...)...)
	}
}
