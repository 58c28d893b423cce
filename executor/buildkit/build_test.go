package buildkit

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/opencontainers/go-digest"

	"github.com/fairlead-dev/fairlead/executor/ctrd/ctrdtest"
)

const record = "docker.io/library/built:1"

// A build gives a record at once; the same build gives the same digest, cached or not, in another builder too; and what keeps its
// content is the record, not the builder.
func TestBuild(t *testing.T) {
	each(t, func(b *bench) {
		r := b.inline(record, shell+"RUN echo hello; mkdir /d; echo made >/d/file\nENV A=1\nCMD [\"/bin/sh\"]\n")
		begun := time.Now()
		res := b.build(r)
		b.t.Logf("cold: %s", time.Since(begun).Round(time.Millisecond))
		if res.Record != record {
			b.t.Errorf("record %q", res.Record)
		}
		rec, err := b.client.ImageService().Get(b.ctx, record)
		if err != nil || rec.Target.Digest != res.Target.Digest {
			b.t.Errorf("record: %v, %v", rec.Target, err)
		}
		if got := b.files(res.Target)["d/file"]; got != "made\n" {
			b.t.Errorf("d/file is %q", got)
		}
		m, cfg := b.manifest(res.Target)
		if len(m.Layers) != 2 || cfg.Config.Cmd[0] != "/bin/sh" || !cfg.Created.Equal(time.Unix(0, 0)) {
			b.t.Errorf("%+v\n%+v", m, cfg)
		}
		for _, words := range []string{"[base 2/2] hello", "[base 1/2] COPY --from=tools busybox /bin/sh 0.", "[base 2/2] RUN echo hello"} {
			if !strings.Contains(b.log(), words) {
				b.t.Errorf("the log misses %q:\n%s", words, b.log())
			}
		}
		begun = time.Now()
		again := b.build(r)
		b.t.Logf("cached: %s", time.Since(begun).Round(time.Millisecond))
		r.Build.NoCache = true
		fresh := b.build(r)
		other := newBench(b.t, b.daemon, Options{Host: Own, DataRoot: b.daemon.Dir + "/other"})
		elsewhere := other.build(other.inline("docker.io/library/other:1", r.Build.Inline))
		for what, d := range map[string]digest.Digest{"again": again.Target.Digest, "no cache": fresh.Target.Digest, "elsewhere": elsewhere.Target.Digest} {
			if d != res.Target.Digest {
				b.t.Errorf("%s: %s is not %s", what, d, res.Target.Digest)
			}
		}
		if _, err := other.Prune(other.ctx, true); err != nil {
			b.t.Error(err)
		}
		if err := other.Close(context.Background()); err != nil {
			b.t.Error(err)
		}
		other.unlease()
		b.ends(res)
	})
}

// ends makes sure that the builder ends and that only the record keeps the image.
func (b *bench) ends(res Result) {
	b.t.Helper()
	usage, err := b.Usage(b.ctx)
	if err != nil || usage.Total == 0 {
		b.t.Errorf("usage: %+v, %v", usage, err)
	}
	if freed, err := b.Prune(b.ctx, true); err != nil || freed == 0 {
		b.t.Errorf("prune: %d, %v", freed, err)
	}
	if err := b.Close(context.Background()); err != nil {
		b.t.Error(err)
	}
	b.unlease()
	b.collect()
	if !b.whole(res.Target) {
		b.t.Error("the image isn't whole once the cache is pruned")
	}
	others, err := b.client.ImageService().List(b.ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, i := range others {
		if err := b.client.ImageService().Delete(b.ctx, i.Name, images.SynchronousDelete()); err != nil {
			b.t.Fatal(err)
		}
	}
	b.collect()
	for _, l := range append(b.held(), b.left()...) {
		b.t.Errorf("left: %s", l)
	}
}

// held is what takes space in containerd, in any namespace.
func (b *bench) held() []string {
	b.t.Helper()
	all, err := b.client.NamespaceService().List(b.ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, ns := range all {
		ctx := namespaces.WithNamespace(context.Background(), ns)
		err := b.client.ContentStore().Walk(ctx, func(i content.Info) error {
			out = append(out, ns+" content "+i.Digest.String())
			return nil
		})
		if err != nil {
			b.t.Fatal(err)
		}
		err = b.client.SnapshotService("overlayfs").Walk(ctx, func(_ context.Context, i snapshots.Info) error {
			out = append(out, ns+" snapshot "+i.Name)
			return nil
		})
		if err != nil {
			b.t.Fatal(err)
		}
		ls, err := b.client.LeasesService().List(ctx)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, l := range ls {
			out = append(out, ns+" lease "+l.ID)
		}
	}
	return out
}

// With a buildkitd that works elsewhere, the image comes over the session, labelled so that a record keeps it whole.
func TestBuildElsewhere(t *testing.T) {
	bins(t)
	ctrdtest.Each(t, func(t *testing.T, d *ctrdtest.Daemon) {
		host := startBuildkitd(t, d.Dir+"/bk")
		b := newBench(t, d, Options{Host: host})
		if res := b.build(b.inline(record, shell+"RUN echo made >/file\n")); b.files(res.Target)["file"] != "made\n" {
			t.Error("file isn't there")
		}
		r := b.inline(record, "FROM scratch\nCOPY --from=tools busybox /bin/sh\nARG TARGETARCH\nENV ARCH=$TARGETARCH\n")
		r.Platforms = []string{"linux/amd64", "linux/arm64"}
		r.Build.Annotations = map[string]string{"org.example.note": "here"}
		res := b.build(r)
		if res.Record != "" {
			t.Errorf("record %q", res.Record)
		}
		if _, err := b.client.ImageService().Create(b.ctx, images.Image{Name: record, Target: res.Target}); err != nil {
			t.Fatal(err)
		}
		b.unlease()
		b.collect()
		if !b.whole(res.Target) {
			t.Error("the image isn't whole after garbage collection")
		}
		b.twoPlatforms(res)
		own := newBench(t, d, Options{Host: Own})
		if same := own.build(r); same.Target.Digest != res.Target.Digest {
			t.Errorf("the own builder gives %s, the other %s", same.Target.Digest, res.Target.Digest)
		}
	})
}

// Many builds at once start one buildkitd, and a stage that they share is built once.
func TestBuildsAtOnce(t *testing.T) {
	each(t, func(b *bench) {
		const n = 4
		var all sync.WaitGroup
		targets := make([]Result, n)
		for i := range n {
			r := b.inline(fmt.Sprintf("docker.io/library/many:%d", i), shell+"RUN cat /proc/sys/kernel/random/uuid >/shared; sleep 1\nRUN echo "+strconv.Itoa(i)+" >/own\n")
			all.Go(func() {
				res, err := b.Build(b.ctx, r, b.report)
				if err != nil {
					b.t.Error(err)
				}
				targets[i] = res
			})
		}
		all.Wait()
		if b.t.Failed() {
			return
		}
		for i, res := range targets {
			if got := b.files(res.Target)["own"]; got != strconv.Itoa(i)+"\n" {
				b.t.Errorf("image %d has %q", i, got)
			}
			if got, first := b.files(res.Target)["shared"], b.files(targets[0].Target)["shared"]; got == "" || got != first {
				b.t.Errorf("image %d has %q of the stage that it shares, and the first has %q", i, got, first)
			}
		}
		if got := strings.Count(b.log(), "starting the builder"); got != 2 { // once, as a note and as a line
			b.t.Errorf("it is said %d times that one is started", got)
		}
	})
}

// The cache is within its bound once the builder has ended, and what was built stays.
func TestCacheIsBounded(t *testing.T) {
	bins(t)
	ctrdtest.Each(t, func(t *testing.T, d *ctrdtest.Daemon) {
		const bound = 1 << 20
		b := newBench(t, d, Options{Host: Own, KeepBytes: bound})
		res := b.build(b.inline(record, shell+"RUN head -c 4000000 /dev/urandom >/big\n"))
		before, err := b.Usage(b.ctx)
		if err != nil || before.Total < 4*bound {
			t.Errorf("%+v, %v", before, err)
		}
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
		after, err := b.Usage(b.ctx)
		if err != nil || after.Total > bound {
			t.Errorf("%+v, %v", after, err)
		}
		b.unlease()
		b.collect()
		if !b.whole(res.Target) {
			t.Error("the image isn't whole")
		}
	})
}
