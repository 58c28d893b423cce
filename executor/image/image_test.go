package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/opencontainers/go-digest"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/archive"
	"github.com/fairlead-dev/fairlead/executor/ctrd/ctrdtest"
	"github.com/fairlead-dev/fairlead/executor/machine"
	"github.com/fairlead-dev/fairlead/executor/manifest"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/executor/registry/registrytest"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

func imageFor(t *testing.T, arch string, layers int64) v1.Image {
	t.Helper()
	return registrytest.Image(t, arch, 64<<10, layers)
}

func indexOf(t *testing.T, arches ...string) v1.ImageIndex {
	t.Helper()
	all := map[string]v1.Image{}
	for _, a := range arches {
		all["linux/"+a] = imageFor(t, a, 3)
	}
	return registrytest.Index(all)
}

var testOwner = planner.Owner{Stack: "shop", Addr: spec.Addr{Kind: spec.KindImage, Name: "app"}}

type bench struct {
	*testing.T
	ctx    context.Context
	client *containerd.Client
	w      *Store
	shop   *registrytest.Registry
	daemon *ctrdtest.Daemon
}

func hostPlatform() string {
	own := platforms.DefaultSpec()
	p, _ := spec.PlatformName(&own)
	return p
}

// onEach runs f on both daemons, with a registry.
func onEach(t *testing.T, f func(b *bench)) {
	ctrdtest.Each(t, func(t *testing.T, d *ctrdtest.Daemon) {
		t.Setenv("DOCKER_CONFIG", t.TempDir())
		client := d.Client(t)
		f(&bench{T: t, ctx: d.Context(t, client), client: client, shop: registrytest.New(t, false, nil), daemon: d,
			w: &Store{Client: client, Hosts: registry.NewHosts(nil), Paths: machine.Paths{Socket: t.TempDir()}, Platform: hostPlatform()}})
	})
}

func (b *bench) pull(tag, digest string, platforms ...string) error {
	ref := b.shop.Host + "/" + tag
	return b.w.Pull(b.ctx, &planner.PullImage{Name: ref, Ref: ref, Digest: digest, Platforms: platforms, Owner: testOwner}, nil)
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) live(name string) *planner.LiveImage {
	b.Helper()
	rec, err := b.client.ImageService().Get(b.ctx, name)
	b.must(err)
	return Live(rec)
}

func (b *bench) contents() map[digest.Digest]int64 {
	b.Helper()
	out := map[digest.Digest]int64{}
	b.must(b.client.ContentStore().Walk(b.ctx, func(i content.Info) error { out[i.Digest] = i.Size; return nil }))
	return out
}

func (b *bench) wantError(err error, parts ...string) {
	b.Helper()
	if err == nil {
		b.Fatalf("no error; want one with %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			b.Errorf("error is %q; want %q in it", err, p)
		}
	}
}

// A pull brings the platforms asked for and no other, marks the record, and a second one fetches nothing.
func TestPull(t *testing.T) {
	onEach(t, func(b *bench) {
		idx := indexOf(b.T, "amd64", "arm64", "s390x")
		d := b.shop.Push(b.T, "app:1", idx)
		var last executor.Progress
		ref := b.shop.Host + "/app:1"
		op := &planner.PullImage{Name: ref, Ref: ref, Digest: d, Platforms: []string{"linux/amd64"}, Owner: testOwner, Protect: true}
		b.must(b.w.Pull(b.ctx, op, func(p executor.Progress) { last = p }))
		if last.Total == 0 || last.Done != last.Total {
			b.Errorf("last progress is %+v", last)
		}
		li := b.live(ref)
		size := -b.contents()[digest.Digest(d)] // of all but the index
		for _, n := range b.contents() {
			size += n
		}
		want := &planner.LiveImage{
			Live:   planner.Live{Kind: spec.KindImage, ID: ref, Owner: &testOwner, Protected: true, Seen: li.Seen, CreatedAt: li.CreatedAt},
			Digest: d, Platforms: []string{"linux/amd64"}, Sizes: map[string]int64{"linux/amd64": size}}
		if diff := cmp.Diff(want, li); diff != "" {
			b.Error(diff)
		}
		if n := len(b.contents()); n != 1+1+1+3 {
			b.Errorf("there are %d blobs: want index, manifest, config and 3 layers", n)
		}
		n := b.shop.Blobs.Load()
		b.must(b.pull("app:1", d, "linux/amd64"))
		if got := b.shop.Blobs.Load(); got != n {
			b.Errorf("the second pull fetched %d blobs", got-n)
		}
		b.must(b.pull("app:1", d, "linux/arm64"))
		if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, b.live(ref).Platforms); diff != "" {
			b.Error(diff)
		}
		rec, err := b.client.ImageService().Get(b.ctx, ref)
		b.must(err)
		whole, err := manifest.Complete(b.ctx, b.client.ContentStore(), rec.Target)
		b.must(err)
		if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, slices.Sorted(maps.Keys(whole))); diff != "" {
			b.Error(diff)
		}
		resolved, err := registry.Resolve(b.ctx, b.w.Hosts, ref)
		b.must(err)
		for p, size := range whole {
			if resolved.Platforms[p] != size {
				b.Errorf("%s has %d bytes here, and the registry said %d", p, size, resolved.Platforms[p])
			}
		}
		b.wantError(b.pull("app:1", d, "linux/riscv64"), "linux/riscv64", "it has linux/amd64, linux/arm64, linux/s390x")
	})
}

// Once its lease is gone, an untagged image's content is gone too, and what a record names stays.
func TestUntag(t *testing.T) {
	onEach(t, func(b *bench) {
		d1 := b.shop.Push(b.T, "aa:1", indexOf(b.T, "amd64"))
		d2 := b.shop.Push(b.T, "bb:1", imageFor(b.T, "amd64", 2))
		free := namespaces.WithNamespace(context.Background(), ctrdtest.Namespace) // without the lease that a test has
		lease, done, err := b.client.WithLease(free)
		b.must(err)
		b.ctx = lease
		b.must(b.pull("aa:1", d1, "linux/amd64"))
		b.must(b.pull("bb:1", d2, "linux/amd64"))
		b.must(done(free))
		b.ctx = free
		b.must(b.w.Untag(b.ctx, &planner.UntagImage{Name: b.shop.Host + "/aa:1"}))
		b.must(b.w.Untag(b.ctx, &planner.UntagImage{Name: b.shop.Host + "/aa:1"}))
		_, err = b.client.ImageService().Get(b.ctx, b.shop.Host+"/aa:1")
		if !errdefs.IsNotFound(err) {
			b.Errorf("the record is still there: %v", err)
		}
		left := b.contents()
		if left[digest.Digest(d1)] != 0 || left[digest.Digest(d2)] == 0 || len(left) != 1+1+2 {
			b.Errorf("left are %v; want the second image's blobs alone", left)
		}
	})
}

// What breaks off is taken up where it ended; a busy registry is asked again; a lie is an error, and leaves nothing.
func TestPullFromABadRegistry(t *testing.T) {
	onEach(t, func(b *bench) {
		d := b.shop.Push(b.T, "app:1", imageFor(b.T, "amd64", 1))
		var asked atomic.Int64
		b.shop.Misbehave(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
				return false
			}
			switch asked.Add(1) {
			case 1, 2:
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			}
			return false
		})
		b.must(b.pull("app:1", d, "linux/amd64"))

		d = b.shop.Push(b.T, "lie:1", imageFor(b.T, "amd64", 1))
		b.shop.Misbehave(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
				return false
			}
			body := b.body(r)
			body[len(body)/2] ^= 0xff
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			_, _ = w.Write(body)
			return true
		})
		err := b.pull("lie:1", d, "linux/amd64")
		b.wantError(err, "registry "+b.shop.Host, "lies about a digest")
		statuses, err := b.client.ContentStore().ListStatuses(b.ctx)
		b.must(err)
		if len(statuses) != 0 {
			b.Errorf("half-made content is left: %v", statuses)
		}
		if _, err := b.client.ImageService().Get(b.ctx, b.shop.Host+"/lie:1"); !errdefs.IsNotFound(err) {
			b.Errorf("a record was made: %v", err)
		}
		b.shop.Misbehave(nil)
		b.must(b.pull("lie:1", d, "linux/amd64"))
	})
}

// withRange asks for a part.
func withRange(r *http.Request, part string) *http.Request {
	c := r.Clone(context.Background())
	c.Header.Set("Range", part)
	return c
}

// body is what the registry would answer.
func (b *bench) body(r *http.Request) []byte {
	rec := httptest.NewRecorder()
	b.shop.Inner.ServeHTTP(rec, r)
	return rec.Body.Bytes()
}

// Half of a blob is kept when a registry hangs up, and the next try asks for the rest alone.
func TestPullGoesOnWhereItEnded(t *testing.T) {
	onEach(t, func(b *bench) {
		d := b.shop.Push(b.T, "app:1", imageFor(b.T, "amd64", 1))
		var ranges atomic.Int64
		b.shop.Misbehave(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
				return false
			}
			if part := r.Header.Get("Range"); part != "" {
				ranges.Add(1)
				r.Header.Del("Range")
				http.ServeContent(w, withRange(r, part), "", time.Time{}, bytes.NewReader(b.body(r)))
				return true
			}
			body := b.body(r)
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			_, _ = w.Write(body[:len(body)/2])
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
			}
			panic(http.ErrAbortHandler)
		})
		b.must(b.pull("app:1", d, "linux/amd64"))
		if ranges.Load() == 0 {
			b.Error("nothing was asked for in part")
		}
	})
}

// A loaded image has the digest that Open said, whichever kind of archive it is, and the one that containerd's own import gives.
func TestLoad(t *testing.T) {
	onEach(t, func(b *bench) {
		path := filepath.Join(b.TempDir(), "app.tar")
		tag, err := name.NewTag("example.com/app:1")
		b.must(err)
		b.must(tarball.WriteToFile(path, tag, imageFor(b.T, "amd64", 2)))
		a, err := archive.Open(t.Context(), path)
		b.must(err)
		found, err := a.Select("example.com/app:1")
		b.must(err)
		op := &planner.LoadImage{Name: "example.com/mine:1", Path: path, Digest: found.Digest, Fingerprint: a.Fingerprint,
			Platforms: []string{"linux/amd64"}, Owner: testOwner}
		b.must(b.w.Load(b.ctx, op, nil))
		li := b.live("example.com/mine:1")
		if li.Digest != found.Digest || li.Source != a.Fingerprint {
			b.Errorf("the record is %+v; want digest %s and source %s", li, found.Digest, a.Fingerprint)
		}
		f, err := os.Open(path)
		b.must(err)
		defer f.Close()
		imported, err := b.client.Import(b.ctx, f)
		b.must(err)
		if got := imported[0].Target.Digest.String(); got != found.Digest {
			for _, d := range []digest.Digest{imported[0].Target.Digest, digest.Digest(found.Digest)} {
				doc, _ := manifest.Find(b.ctx, b.client.ContentStore(), d)
				text, _ := content.ReadBlob(b.ctx, b.client.ContentStore(), doc)
				b.Log(string(text))
			}
			b.Errorf("containerd's import gives %s, and archive said %s", got, found.Digest)
		}
		op.Digest = "sha256:" + strings.Repeat("0", 64)
		b.wantError(b.w.Load(b.ctx, op, nil), "the file changed since the plan")
		op.Digest, op.Platforms = found.Digest, []string{"linux/arm64"}
		b.wantError(b.w.Load(b.ctx, op, nil), "linux/arm64", "it has linux/amd64")
	})
}

// A push copies all platforms or says which one is missing, and is noted on the record.
func TestTagAndPush(t *testing.T) {
	onEach(t, func(b *bench) {
		d := b.shop.Push(b.T, "app:1", indexOf(b.T, "amd64", "arm64"))
		b.must(b.pull("app:1", d, "linux/amd64"))
		from, mine, to := b.shop.Host+"/app:1", "example.com/mine:1", b.shop.Host+"/copy/app:2"
		b.must(b.w.Tag(b.ctx, &planner.TagImage{Name: mine, From: from, Digest: d, Owner: testOwner}))
		push := &planner.PushImage{Name: mine, To: to, Digest: d}
		b.wantError(b.w.Push(b.ctx, push, nil), "of linux/arm64", "which is not here")
		b.must(b.pull("app:1", d, "linux/arm64"))
		b.must(b.w.Push(b.ctx, push, nil))
		copied, err := name.ParseReference(b.shop.Host+"/copy/app:2", name.Insecure)
		b.must(err)
		got, err := remote.Index(copied)
		b.must(err)
		if h, _ := got.Digest(); h.String() != d {
			b.Errorf("the registry has %s; want %s", h, d)
		}
		li := b.live(mine)
		if diff := cmp.Diff(map[string]string{to: d}, li.Pushed); diff != "" {
			b.Error(diff)
		}
		b.must(b.w.Relabel(b.ctx, &planner.RelabelImage{Name: mine, Owner: testOwner, Protect: true}))
		after := b.live(mine)
		if !after.Protected || after.Seen == li.Seen || len(after.Pushed) != 1 {
			b.Errorf("relabelled, the record is %+v; it was %+v", after, li)
		}
	})
}

// Adopting a record keeps others' labels, and finds out which platforms are whole.
func TestAdopt(t *testing.T) {
	onEach(t, func(b *bench) {
		b.shop.Push(b.T, "app:1", indexOf(b.T, "amd64", "arm64"))
		ref := b.shop.Host + "/app:1"
		_, err := b.client.Pull(b.ctx, ref, containerd.WithPlatform("linux/amd64"), containerd.WithResolver(b.w.Hosts.Resolver()),
			containerd.WithPullLabel("example.com/mine", "yes"))
		b.must(err)
		if b.live(ref).Owner != nil {
			b.Error("it is owned before it is adopted")
		}
		b.must(b.w.Relabel(b.ctx, &planner.RelabelImage{Name: ref, Owner: testOwner}))
		li := b.live(ref)
		if li.Owner == nil || !cmp.Equal(li.Platforms, []string{"linux/amd64"}) {
			b.Errorf("adopted, the record is %+v", li)
		}
		rec, err := b.client.ImageService().Get(b.ctx, ref)
		b.must(err)
		if rec.Labels["example.com/mine"] != "yes" {
			b.Errorf("labels are %v; the one of somebody else is gone", rec.Labels)
		}
	})
}

// Who uses another's image and brings a platform more leaves it the other's, protected as it was.
func TestPullOfAPlatformForSomebodyElsesRecord(t *testing.T) {
	onEach(t, func(b *bench) {
		d := b.shop.Push(b.T, "app:1", indexOf(b.T, "amd64", "arm64"))
		ref := b.shop.Host + "/app:1"
		b.must(b.w.Pull(b.ctx, &planner.PullImage{Name: ref, Ref: ref, Digest: d, Platforms: []string{"linux/amd64"}, Owner: testOwner, Protect: true}, nil))
		b.must(b.w.Pull(b.ctx, &planner.PullImage{Name: ref, Ref: ref, Digest: d, Platforms: []string{"linux/arm64"}}, nil))
		li := b.live(ref)
		if li.Owner == nil || *li.Owner != testOwner || !li.Protected {
			b.Errorf("its owner is %v, and protected is %v", li.Owner, li.Protected)
		}
		if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, li.Platforms); diff != "" {
			b.Error(diff)
		}
	})
}

func TestPushedLabel(t *testing.T) {
	sum := sha256.Sum256([]byte("example.com/a:1"))
	if got, want := mark.PushedLabel("example.com/a:1"), "fairlead/pushed."+hex.EncodeToString(sum[:8]); got != want {
		t.Errorf("%s; want %s", got, want)
	}
}
