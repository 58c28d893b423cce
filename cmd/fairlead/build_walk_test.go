package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
)

// TestBuildWalk takes a stack that builds through random edits of its context, Dockerfile and arguments. Some applies are killed, some lose
// their builder, and sometimes somebody meddles with the host by hand. After each step the plan is empty, nothing is left of any build, and
// the host holds what it holds where the last files were applied afresh. FAIRLEAD_TEST_SEED repeats a walk.
func TestBuildWalk(t *testing.T) {
	if !full() {
		t.Skip("it takes minutes: FAIRLEAD_TEST_FULL=1")
	}
	shared.start(t)
	seed := testSeed(t)
	for _, d := range shared.daemons {
		t.Run(d.Version, func(t *testing.T) {
			w := &buildWalker{buildLab: newBuildLab(t, d), fresh: newBuildLab(t, d), random: rand.New(rand.NewPCG(seed, 2)), wish: map[string]string{}}
			w.fresh.dir, w.fresh.mark = w.dir, w.mark // the same files
			for _, c := range buildChoices {
				w.wish[c.name] = c.values[0]
			}
			w.step(0, "nothing else")
			for n := 1; n < 25 && !t.Failed(); n++ {
				for range 1 + w.random.IntN(2) {
					c := buildChoices[w.random.IntN(len(buildChoices))]
					w.wish[c.name] = w.pick(c.values)
				}
				w.files()
				w.step(n, w.trouble())
			}
			w.must("destroy", "--yes")
			w.clean()
		})
	}
}

// buildWalker goes the walk.
type buildWalker struct {
	*buildLab
	fresh  *buildLab
	random *rand.Rand
	wish   map[string]string
}

// buildChoices are what the files may say.
var buildChoices = []struct {
	name   string
	values []string
}{
	{"text", []string{"a", "b", "c"}},
	{"more", []string{"", "more"}},
	{"comment", []string{"", "# nothing\n"}},
	{"env", []string{"", "ENV WHICH=one\n", "ENV WHICH=two\n"}},
	{"arg", []string{`"1"`, `"2"`}},
	{"platforms", []string{`["linux/amd64"]`, `["linux/amd64", "linux/arm64"]`}},
	{"labels", []string{"{}", `{ tier = "web" }`}},
}

func (w *buildWalker) pick(from []string) string { return from[w.random.IntN(len(from))] }

// files writes what is wished.
func (w *buildWalker) files() {
	w.text(w.wish["text"])
	_ = os.Remove(filepath.Join(w.dir, "src/more"))
	if w.wish["more"] != "" {
		w.file("src/more", w.wish["more"])
	}
	dockerfile := strings.Replace(fmt.Sprintf(buildDockerfile, w.dir), "COPY text /text\n", "ARG WHICH\nCOPY text mor[e] /context/\nRUN echo $WHICH >/which\nCOPY text /text\n", 1)
	w.file("src/Dockerfile", w.wish["comment"]+strings.Replace(dockerfile, "STOPSIGNAL", w.wish["env"]+"STOPSIGNAL", 1))
	build := fmt.Sprintf("build {\n    context   = \"./src\"\n    args      = { WHICH = %s }\n    platforms = %s\n    labels    = %s\n  }",
		w.wish["arg"], w.wish["platforms"], w.wish["labels"])
	w.write(strings.Replace(buildStack, `build { context = "./src" }`, build, 1))
}

// trouble is what comes between, and says what it was.
func (w *buildWalker) trouble() string {
	switch w.random.IntN(6) {
	case 0:
		nth := 1 + w.random.IntN(150)
		if w.killedWhen(func(n int, _ string) bool { return n >= nth }) {
			return fmt.Sprintf("fairlead is killed before call %d", nth)
		}
	case 1:
		after := time.Duration(w.random.Int64N(int64(3 * time.Second)))
		w.killedAfter(after)
		return fmt.Sprintf("fairlead is killed after %s", after)
	case 2:
		after := time.Duration(w.random.Int64N(int64(2 * time.Second)))
		r := w.start()
		time.Sleep(after)
		for _, p := range w.builders() {
			_ = p.Kill()
		}
		r.wait()
		return fmt.Sprintf("buildkitd is killed after %s", after)
	case 3, 4:
		return w.meddle()
	}
	return "nothing else"
}

// meddle does what people do by hand, before the next apply or after one.
func (w *buildWalker) meddle() string {
	if w.random.IntN(2) == 0 {
		w.must("apply", "--yes")
	}
	ctr := harness.CTR{Daemon: w.daemon, Namespace: w.namespace}
	ids, err := ctr.Containers()
	w.ok(err)
	slices.Sort(ids)
	deeds := []struct {
		what string
		do   func() error
	}{
		{"the image is untagged", func() error { return ctr.Untag("docker.io/s/app:latest") }},
		{"a container is taken away", func() error { return ctr.Remove(w.pick(ids)) }},
		{"a process is killed", func() error { return ctr.Kill(w.pick(ids)) }},
		{"content of the image is taken away", w.loseContent},
		{"the builder's cache is taken away", func() error { w.forget(); return nil }},
	}
	deed := deeds[w.random.IntN(len(deeds))]
	if err := deed.do(); err != nil {
		return deed.what + " (" + err.Error() + ")"
	}
	return deed.what
}

// loseContent deletes a blob of the built image.
func (w *buildWalker) loseContent() error {
	client, err := w.daemon.Connect()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx := namespaces.WithNamespace(context.Background(), w.namespace)
	blobs, err := blobsOf(ctx, client, "docker.io/s/app:latest")
	if err != nil {
		return err
	}
	return client.ContentStore().Delete(ctx, blobs[w.random.IntN(len(blobs))].Digest)
}

func blobsOf(ctx context.Context, client *containerd.Client, name string) (blobs []ocispec.Descriptor, err error) {
	rec, err := client.ImageService().Get(ctx, name)
	if err != nil {
		return nil, err
	}
	err = images.Walk(ctx, images.HandlerFunc(func(ctx context.Context, d ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		blobs = append(blobs, d)
		return images.Children(ctx, client.ContentStore(), d)
	}), rec.Target)
	return blobs, err
}

// step applies, and compares with what an apply of the same files on an empty host leaves; every fourth time without the builder's cache,
// to the last blob and snapshot.
func (w *buildWalker) step(n int, did string) {
	w.t.Logf("step %d: %v, %s", n, w.wish, did)
	w.must("apply", "--yes")
	w.must("plan", "--detailed-exitcode")
	w.clean()
	w.fresh.must("apply", "--yes")
	w.fresh.clean()
	look := (*buildLab).things
	if n%4 == 3 {
		look = func(l *buildLab) []string { l.forget(); return append(l.things(), l.inventory()...) }
	}
	got, want := look(w.buildLab), look(w.fresh)
	w.fresh.must("destroy", "--yes")
	w.fresh.forget()
	if d := cmp.Diff(want, got); d != "" {
		w.t.Errorf("step %d (%s): the host differs from one on which the files were applied afresh (- afresh, + walked):\n%s", n, did, d)
	}
}

// things are the records that the namespace holds, with what they refer to, and the containers that run.
func (l *buildLab) things() []string {
	l.t.Helper()
	client, err := l.daemon.Connect()
	l.ok(err)
	defer client.Close()
	ctx := namespaces.WithNamespace(context.Background(), l.namespace)
	records, err := client.ImageService().List(ctx)
	l.ok(err)
	var out []string
	for _, r := range records {
		out = append(out, fmt.Sprintf("image %s %s %v", r.Name, r.Target.Digest, r.Labels))
	}
	for address := range l.pids() {
		out = append(out, "running "+address)
	}
	slices.Sort(out)
	return out
}
