package image

import (
	"testing"

	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
)

// A step by hand leaves a record whose it is, and forgets of other content what was known of the old.
func TestRecordsKeepTheirOwner(t *testing.T) {
	onEach(t, func(b *bench) {
		d1 := b.shop.Push(b.T, "app:1", imageFor(b.T, "amd64", 1))
		d2 := b.shop.Push(b.T, "other:1", imageFor(b.T, "amd64", 2))
		b.must(b.pull("app:1", d1, "linux/amd64"))
		name, other := b.shop.Host+"/app:1", b.shop.Host+"/other:1"
		b.must(b.w.Pull(b.ctx, &planner.PullImage{Name: other, Ref: other, Digest: d2, Platforms: []string{"linux/amd64"}}, nil))
		b.must(b.w.Relabel(b.ctx, &planner.RelabelImage{Name: name, Owner: testOwner}))
		rec, err := b.client.ImageService().Get(b.ctx, name)
		b.must(err)
		rec.Labels[mark.LabelSource] = "an archive"
		rec.Labels[mark.LabelInputs], rec.Labels[mark.GCRefInputs] = d2, d2
		_, err = b.client.ImageService().Update(b.ctx, rec, "labels")
		b.must(err)

		b.must(b.w.Tag(b.ctx, &planner.TagImage{Name: name, From: name, Digest: d1}))
		if li := b.live(name); li.Owner == nil || li.Source != "an archive" || li.Inputs != d2 || len(li.Platforms) != 1 {
			b.Errorf("the same content: %+v; want all as it was", li)
		}
		b.must(b.w.Tag(b.ctx, &planner.TagImage{Name: name, From: other, Digest: d2, Before: d1}))
		if li := b.live(name); li.Owner == nil || *li.Owner != testOwner || li.Digest != d2 || li.Source != "" || li.Inputs != "" || li.Platforms != nil {
			b.Errorf("other content: %+v; want the owner, and nothing of the old content", li)
		}
		b.must(b.w.Push(b.ctx, &planner.PushImage{Name: other, To: b.shop.Host + "/copy:1", Digest: d2}, nil))
		if rec, err = b.client.ImageService().Get(b.ctx, other); err != nil || len(rec.Labels) != 0 {
			b.Errorf("a push of what nobody owns left %v on its record (%v)", rec.Labels, err)
		}
	})
}
