package planner

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fairlead-dev/fairlead/spec"
)

// move is what a plan does to an image record: it points it at other content, or removes it.
type move struct {
	to   string // digest; "": it is removed
	work *changeDraft
}

// decideImage decides on an image that is pulled or loaded, and on its tags.
func (pb *planBuilder) decideImage(im *spec.Image) *decision {
	t, src := targetOf(pb.want, pb.have, pb.sources, im)
	res := &decision{usable: t.digest != "", record: im.Name, identity: t.digest}
	rec := pb.have.Images[im.Name]
	if !pb.scope.has(im.Addr) {
		if rec != nil {
			res.usable, res.identity = true, rec.Digest
		}
		return res
	}
	if t.digest == "" {
		pb.fail(pb.unreadable(im, src))
		return res
	}
	if !pb.hasPlatforms(im, t, rec) || !pb.checkRecord(im, t, rec) {
		res.usable = false
		return res
	}
	pb.pinReference(im, t)
	w := &changeDraft{change: &Change{Addr: im.Addr, Action: Keep, Decl: pb.declarationOf(im.Addr)}}
	if im.Implied {
		w.change.Object = familiar(im.Name)
		w.change.Decl = nil
		if us := pb.containersOf[im.Addr]; len(us) > 0 {
			w.change.Decl = pb.declarationOf(us[0].Addr)
		}
	}
	pb.ensureRecord(w, im, t, rec, res)
	if res.renewed == "" && pb.hadOtherContent(im, t) {
		res.renewed = im.Addr.String() + " is " + familiar(im.Name) + " now"
	}
	return pb.withNames(w, im, res, rec)
}

// ensureRecord adds the step after which the record of the image's name is there, with the content of all needed platforms, and is this
// stack's.
func (pb *planBuilder) ensureRecord(w *changeDraft, im *spec.Image, t target, rec *LiveImage, res *decision) {
	c := w.change
	need := pb.platformsToFetch(im, t.platforms)
	verb, done := "pull", "pulled"
	if im.Load != "" {
		verb, done = "load", "loaded"
	}
	switch {
	case rec == nil:
		c.escalate(Create, verb, "it is not there")
		res.renewed = fmt.Sprintf("%s is new", imageTitle(im))
		w.fetch(im, t, need, pb.ownerOf(im.Addr))
	case rec.Digest != t.digest:
		diffs := compareRecord(rec, im, t.digest)
		c.escalate(Update, verb, cmp.Or(pb.movedOutside(rec), reason(imageAttrs, diffs[0])))
		c.addDiffs(diffs)
		if pb.movedOutside(rec) == "" || pb.lastOwned[rec.ID] != t.digest { // else its containers have that content already
			res.renewed = fmt.Sprintf("%s is %s anew", imageTitle(im), done)
		}
		w.fetch(im, t, need, pb.ownerOf(im.Addr)).touches(rec.touch())
		pb.moves[rec.ID] = &move{to: t.digest, work: w}
	case len(missing(need, rec.Platforms)) > 0 && (im.Load == "" || t.platforms != nil):
		gone := missing(need, rec.Platforms)
		c.escalate(Update, verb, strings.Join(gone, ", ")+" of it is not there")
		owner := pb.ownerOf(im.Addr)
		if !pb.mayChange(rec) {
			owner = Owner{} // its marks stay as they are
		}
		w.fetch(im, t, gone, owner).touches(rec.touch())
	case pb.mayChange(rec):
		pb.relabelRecord(w, im, rec)
	}
}

// hadOtherContent tells whether the block stood for other content until now, under a name that nothing wants any more.
func (pb *planBuilder) hadOtherContent(im *spec.Image, t target) bool {
	for _, o := range pb.owned[im.Addr] {
		if rec := o.(*LiveImage); !pb.wantedRecords[rec.ID] && rec.Digest != t.digest {
			return true
		}
	}
	return false
}

// fetch adds the step that pulls or loads an image.
func (w *changeDraft) fetch(im *spec.Image, t target, platforms []string, owner Owner) *stepDraft {
	protect := im.Lifecycle.PreventDestroy
	if im.Load != "" {
		return w.step(&LoadImage{Name: im.Name, Path: im.Load, Digest: t.digest, Fingerprint: t.fingerprint, Platforms: slices.Sorted(maps.Keys(t.platforms)), Owner: owner, Protect: protect}).give(known(im.Addr))
	}
	ref, _ := splitDigest(im.Pull)
	var bytes int64
	for _, p := range platforms {
		bytes += t.platforms[p]
	}
	if bytes > 0 {
		w.change.Notes = append(w.change.Notes, "downloads at most "+Bytes(bytes))
	}
	return w.step(&PullImage{Name: im.Name, Ref: ref, Digest: t.digest, Platforms: platforms, Bytes: bytes, Owner: owner, Protect: protect}).give(known(im.Addr))
}

// imageTitle is what people call an image: its address, or its name where no block has it.
func imageTitle(im *spec.Image) string {
	if im.Implied {
		return familiar(im.Name)
	}
	return im.Addr.String()
}

// relabelRecord adds the step that changes the labels of a record, if it is adopted, its block has another address, or an attribute
// differs.
func (pb *planBuilder) relabelRecord(w *changeDraft, im *spec.Image, rec *LiveImage) {
	diffs := compareRecord(rec, im, rec.Digest)
	switch why := pb.movedOutside(rec); {
	case why != "":
		w.change.escalate(Update, "relabel", why)
	case !pb.ours(rec.Owner):
		w.change.escalate(Update, "adopt", "an import block adopts it")
	case rec.Owner.Addr != im.Addr:
		w.change.escalate(Update, "relabel", "it was "+rec.Owner.Addr.String())
	case len(diffs) > 0:
		w.change.escalate(Update, "relabel", reason(imageAttrs, diffs[0]))
	default:
		return
	}
	w.change.addDiffs(diffs)
	w.step(&RelabelImage{Name: rec.ID, Owner: pb.ownerOf(im.Addr), Protect: im.Lifecycle.PreventDestroy}).touches(rec.touch())
}

// escalate sets the action and verb of a change that had none, and adds a reason.
func (c *Change) escalate(a Action, verb, reason string) {
	if c.Action == Keep {
		c.Action, c.Verb = a, verb
	}
	if !slices.Contains(c.Reasons, reason) {
		c.Reasons = append(c.Reasons, reason)
	}
}
