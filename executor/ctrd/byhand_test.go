package ctrd

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/opencontainers/go-digest"

	"github.com/fairlead-dev/fairlead/executor/ctrd/ctrdtest"
	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
)

// A run by hand has a lease while it goes on, whatever others begin, and what a killed one left goes with the next run, by hand or not.
func TestByHand(t *testing.T) {
	onEach(t, func(b *bench) {
		free := namespaces.WithNamespace(context.Background(), ctrdtest.Namespace)
		w, err := OpenWriter(free, Options{Address: b.daemon.Address, Namespace: ctrdtest.Namespace, DataRoot: b.TempDir()})
		b.must(err)
		defer w.Close()
		held := func() map[string]bool {
			all, err := b.client.LeasesService().List(free, `labels."fairlead/by-hand"==true`)
			b.must(err)
			out := map[string]bool{}
			for _, l := range all {
				out[l.ID] = true
			}
			return out
		}
		locks := func() int {
			files, _ := os.ReadDir(filepath.Dir(w.paths.HandLock("")))
			return len(files)
		}
		first, endFirst, err := w.ByHand(free)
		b.must(err)
		d := b.shop.Push(b.T, "app:1", imageFor(b.T, "amd64", 1))
		ref := b.shop.Host + "/app:1"
		b.must(w.Run(first, &planner.PullImage{Name: ref, Ref: ref, Digest: d, Platforms: []string{"linux/amd64"}}, nil))
		b.must(b.client.ImageService().Delete(free, ref))

		// Killed: the kernel lets go of the lock, and the lease stays. One was killed before it had a lease.
		killed := "fairlead-killed"
		_, err = b.client.LeasesService().Create(free, leases.WithID(killed), leases.WithLabel(labelByHand, "true"))
		b.must(err)
		b.must(os.WriteFile(w.paths.HandLock(killed), nil, 0o600))
		b.must(os.WriteFile(w.paths.HandLock("fairlead-early"), nil, 0o600))
		_, endSecond, err := w.ByHand(free)
		b.must(err)
		if h := held(); len(h) != 2 || h[killed] || locks() != 2 {
			b.Errorf("two runs go on, and there are the leases %v and %d locks", h, locks())
		}
		b.must(endSecond(free))
		if b.contents()[digest.Digest(d)] == 0 {
			b.Error("the end of one run took away what another holds")
		}
		_, err = b.client.LeasesService().Create(free, leases.WithID(killed), leases.WithLabel(labelByHand, "true"))
		b.must(err)
		_, endStack, err := w.Begin(free, "shop")
		b.must(err)
		if h := held(); len(h) != 1 || h[killed] {
			b.Errorf("an apply began, and there are the leases %v", h)
		}
		b.must(endStack(free))
		b.must(endFirst(free))
		if h := held(); len(h) != 0 || locks() != 0 || b.contents()[digest.Digest(d)] != 0 {
			b.Errorf("all ended, and there are the leases %v, %d locks and %d blobs", h, locks(), len(b.contents()))
		}
	})
}

// A step by hand leaves a record whose it is, and forgets of other content what was known of the old.
func TestRecordsKeepTheirOwner(t *testing.T) {
	onEach(t, func(b *bench) {
		d1 := b.shop.Push(b.T, "app:1", imageFor(b.T, "amd64", 1))
		d2 := b.shop.Push(b.T, "other:1", imageFor(b.T, "amd64", 2))
		b.must(b.pull("app:1", d1, "linux/amd64"))
		name, other := b.shop.Host+"/app:1", b.shop.Host+"/other:1"
		b.must(b.w.pullImage(b.ctx, &planner.PullImage{Name: other, Ref: other, Digest: d2, Platforms: []string{"linux/amd64"}}, nil))
		b.must(b.w.relabelImage(b.ctx, &planner.RelabelImage{Name: name, Owner: testOwner}))
		rec, err := b.client.ImageService().Get(b.ctx, name)
		b.must(err)
		rec.Labels[mark.LabelSource] = "an archive"
		rec.Labels[mark.LabelInputs], rec.Labels[mark.GCRefInputs] = d2, d2
		_, err = b.client.ImageService().Update(b.ctx, rec, "labels")
		b.must(err)

		b.must(b.w.tagImage(b.ctx, &planner.TagImage{Name: name, From: name, Digest: d1}))
		if li := b.live(name); li.Owner == nil || li.Source != "an archive" || li.Inputs != d2 || len(li.Platforms) != 1 {
			b.Errorf("the same content: %+v; want all as it was", li)
		}
		b.must(b.w.tagImage(b.ctx, &planner.TagImage{Name: name, From: other, Digest: d2, Before: d1}))
		if li := b.live(name); li.Owner == nil || *li.Owner != testOwner || li.Digest != d2 || li.Source != "" || li.Inputs != "" || li.Platforms != nil {
			b.Errorf("other content: %+v; want the owner, and nothing of the old content", li)
		}
		b.must(b.w.pushImage(b.ctx, &planner.PushImage{Name: other, To: b.shop.Host + "/copy:1", Digest: d2}, nil))
		if rec, err = b.client.ImageService().Get(b.ctx, other); err != nil || len(rec.Labels) != 0 {
			b.Errorf("a push of what nobody owns left %v on its record (%v)", rec.Labels, err)
		}
	})
}
