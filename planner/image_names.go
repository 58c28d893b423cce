package planner

import (
	"github.com/fairlead-dev/fairlead/spec"
)

// withNames adds the steps for an image's tags and copies in registries, and then the change, if it has any step.
func (pb *planBuilder) withNames(w *changeDraft, im *spec.Image, res *decision, rec *LiveImage) *decision {
	pb.ensureTags(w, im, res)
	pb.ensurePushed(w, im, res, rec)
	if len(w.steps) > 0 {
		pb.changes = append(pb.changes, w)
	}
	return res
}

// ensureTags adds the steps after which the image's tags are there and stand for its content.
func (pb *planBuilder) ensureTags(w *changeDraft, im *spec.Image, res *decision) {
	digest := res.identity
	protect := im.Lifecycle.PreventDestroy
	for _, name := range im.Tags {
		rec := pb.have.Images[name]
		op := &TagImage{Name: name, From: im.Name, Digest: digest, Owner: pb.ownerOf(im.Addr), Protect: protect}
		switch {
		case rec == nil:
			w.change.escalate(Update, "tag", "the name "+familiar(name)+" is not there")
			w.causedBy("the name "+familiar(name)+" is not there", w.step(op, w.giving(known(im.Addr))...)).give(known(im.Addr))
		case rec.Digest == digest && pb.mayChange(rec):
			pb.relabelRecord(w, im, rec)
		case rec.Digest == digest:
			// somebody else's record of the same content is used as it is
		case pb.mayChange(rec):
			why := "the name " + familiar(name) + " stands for other content"
			if pb.movedOutside(rec) != "" {
				why = "the name " + familiar(name) + ": " + pb.movedOutside(rec)
			}
			if res.unknown {
				why = res.renewed
			} else {
				w.change.escalate(Update, "tag", why)
			}
			d := w.causedBy(why, w.step(op, w.giving(known(im.Addr))...)).touches(rec.touch()).give(known(im.Addr))
			if rec.Digest == res.was && rec.Owner != nil && rec.Owner.Addr == im.Addr && rec.Protected == protect {
				d.onlyIf = res.onlyIf
			}
			pb.moves[name] = &move{to: digest, work: w}
		default:
			pb.fail(pb.recordTaken(im.AttrAt("tags"), im, rec, digest))
		}
	}
}

// causedBy sets another cause for a step than its change's first reason.
func (w *changeDraft) causedBy(why string, d *stepDraft) *stepDraft {
	d.cause = why
	return d
}

// ensurePushed adds the steps after which the registries that push names have the image.
func (pb *planBuilder) ensurePushed(w *changeDraft, im *spec.Image, res *decision, rec *LiveImage) {
	digest := res.identity
	before := append([]*stepDraft{}, w.steps...)
	for _, to := range im.Push {
		if rec != nil && rec.Pushed[to] == digest {
			continue
		}
		if src := pb.sources.Of(im); src != nil && src.Missing != "" {
			pb.fail(fault(im.AttrAt("push"), "Image not whole", "%s cannot be pushed to %s: it names %s, which is neither in %s nor here, and a push copies all that an image names. Save the archive again with all platforms and attestations, or leave out push.", im.Addr, familiar(to), src.Missing, im.Load))
			return
		}
		why := familiar(to) + " does not have it"
		same := res.unknown && rec != nil && rec.Pushed[to] == res.was // then a build that comes out as before leaves nothing to push
		switch {
		case same:
			why = res.renewed
		case rec != nil && rec.Pushed[to] != "":
			why = familiar(to) + " has an older one"
		}
		w.change.escalate(Update, "push", why)
		var after []*stepDraft
		for _, d := range before { // the record's own steps: the tags have records of their own
			if RowOf(d.op).ObjectID(d.op) == im.Name {
				after = append(after, d)
			}
		}
		d := w.causedBy(why, w.step(&PushImage{Name: im.Name, To: to, Digest: digest, From: im.Pull}, after...))
		if rec != nil {
			d.touches(rec.touch())
		}
		if same {
			d.onlyIf = res.onlyIf
		}
	}
}
