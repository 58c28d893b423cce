package image

import (
	"sync"
	"testing"

	"github.com/containerd/containerd/v2/core/images"

	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// A record is written only over what the plan saw, and by one process at a time: what came or moved in between stays as it is, and is
// named.
func TestRecordsTakenInBetween(t *testing.T) {
	onEach(t, func(b *bench) {
		d1 := b.shop.Push(b.T, "one:1", imageFor(b.T, "amd64", 1))
		d2 := b.shop.Push(b.T, "two:1", imageFor(b.T, "amd64", 2))
		b.must(b.pull("one:1", d1, "linux/amd64"))
		b.must(b.pull("two:1", d2, "linux/amd64"))
		store := b.client.ImageService()
		one, err := store.Get(b.ctx, b.shop.Host+"/one:1")
		b.must(err)
		two, err := store.Get(b.ctx, b.shop.Host+"/two:1")
		b.must(err)
		other := planner.Owner{Stack: "other", Addr: spec.Addr{Kind: spec.KindImage, Name: "x"}}
		const name = "example.com/x:1"
		for what, c := range map[string]struct {
			there  *images.Image
			owner  planner.Owner // of what is there
			before string
			mark   mark.Image
			err    string // "": it is written
			keeps  bool   // the record stays as it was
		}{
			"absent, as planned":                  {nil, planner.Owner{}, "", mark.Image{Owner: testOwner}, "", false},
			"absent, and was there":               {nil, planner.Owner{}, d1, mark.Image{Owner: testOwner}, "", false},
			"as planned":                          {&one, testOwner, d1, mark.Image{Owner: testOwner}, "", false},
			"as planned, by hand":                 {&one, testOwner, d1, mark.Image{}, "", false},
			"nobody's, as planned":                {&one, planner.Owner{}, d1, mark.Image{Owner: testOwner}, "", false}, // adopted, or moved back
			"by hand, came since":                 {&one, planner.Owner{}, "", mark.Image{}, "no stack's", true},
			"came since, nobody's":                {&one, planner.Owner{}, "", mark.Image{Owner: testOwner}, "no stack's", true},
			"came since, another stack's":         {&one, other, "", mark.Image{Owner: testOwner}, `stack "other"'s, as image.x`, true},
			"moved since":                         {&one, testOwner, "sha256:0", mark.Image{Owner: testOwner}, `stack "shop"'s, as image.app`, true},
			"another stack's since":               {&one, other, d1, mark.Image{Owner: testOwner}, `stack "other"'s, as image.x`, true},
			"the same content since":              {&two, other, "", mark.Image{Owner: testOwner}, "", true},
			"the same content since, and built":   {&two, other, "", mark.Image{Owner: testOwner, Sole: true}, `stack "other"'s, as image.x`, true},
			"the same content, built once before": {&two, testOwner, "", mark.Image{Owner: testOwner, Sole: true}, "", false},
		} {
			_ = store.Delete(b.ctx, name)
			was := map[string]string{}
			if c.there != nil {
				if c.owner.Stack != "" {
					was = mark.OwnerLabels(c.owner, name, false)
				}
				_, err := store.Create(b.ctx, images.Image{Name: name, Target: c.there.Target, Labels: was})
				b.must(err)
			}
			err := b.w.SetRecord(b.ctx, name, two.Target, c.before, c.mark)
			if c.err == "" && err != nil {
				b.Errorf("%s: %v", what, err)
			}
			if c.err != "" {
				b.wantError(err, "image "+name+": this name was taken since the plan was made", c.err, "Plan again")
			}
			now, err := store.Get(b.ctx, name)
			b.must(err)
			if c.keeps && (now.Target.Digest != c.there.Target.Digest || now.Labels[mark.LabelStack] != was[mark.LabelStack]) {
				b.Errorf("%s: it is %s with %v now", what, now.Target.Digest, now.Labels)
			}
			if !c.keeps && now.Target.Digest != two.Target.Digest {
				b.Errorf("%s: it is %s", what, now.Target.Digest)
			}
		}
		_ = store.Delete(b.ctx, name)
		b.must(b.w.SetRecord(b.ctx, name, two.Target, "", mark.Image{Owner: testOwner}))
		b.wantError(b.w.Untag(b.ctx, &planner.UntagImage{Name: name, Before: d1}), "it is "+d2+" now", "Plan again")
		b.wantError(b.w.Relabel(b.ctx, &planner.RelabelImage{Name: name, Owner: testOwner, Before: d1}), "it is "+d2+" now", "Plan again")
		b.must(b.w.Untag(b.ctx, &planner.UntagImage{Name: name, Before: d2}))

		// Of many stacks at once, one has it.
		var g sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			g.Add(1)
			go func() {
				defer g.Done()
				to, o := one.Target, testOwner
				if i%2 == 0 {
					to, o = two.Target, other
				}
				errs[i] = b.w.SetRecord(b.ctx, name, to, "", mark.Image{Owner: o, Sole: true})
			}()
		}
		g.Wait()
		now, err := store.Get(b.ctx, name)
		b.must(err)
		its := mark.OwnerOf(now.Labels, name)
		for i, err := range errs {
			if first := (i%2 == 0) == (*its == other); first != (err == nil) {
				b.Errorf("%v has it, and the try %d says %v", its, i, err)
			}
		}
	})
}
