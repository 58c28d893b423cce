package planner

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// checkRecord tells whether the record of an image's name may be used as it is, or be changed; if not, it reports why.
func (pb *planBuilder) checkRecord(im *spec.Image, t target, rec *LiveImage) bool {
	if rec == nil || pb.mayChange(rec) {
		return true
	}
	if rec.Digest == t.digest {
		if len(im.Push) == 0 {
			return true
		}
		pb.fail(fault(im.AttrAt("push"), "Push of what is not owned", "The image %s is %s. What was pushed is written on its record, which this stack may not change. Adopt it:%s", familiar(rec.ID), ownedBy(rec.Owner), importBlock(im.Addr, familiar(rec.ID))))
		return false
	}
	pb.fail(pb.recordTaken(pb.sourceRange(im), im, rec, t.digest))
	return false
}

// mayChange tells whether this stack may change a record: it owns it, adopts it, or owned it until another tool took fairlead's labels
// away.
func (pb *planBuilder) mayChange(rec *LiveImage) bool {
	_, adopted := pb.adopted[rec.key()]
	return adopted || pb.ours(rec.Owner) || pb.movedOutside(rec) != ""
}

// recordTaken reports a record that another owner has under a name that an image needs for other content; of what is still to be built, digest is a
// placeholder or "".
func (pb *planBuilder) recordTaken(at hcl.Range, im *spec.Image, rec *LiveImage, digest string) *hcl.Diagnostic {
	needed := fmt.Sprintf("%s needs %s under that name", im.Addr, shortDigest(digest))
	if digest == "" || pb.placeholders[digest] {
		_, _, attr := buildWords(im)
		at, needed = pb.sourceRange(im), fmt.Sprintf("the %s of %s is to have that name", attr, im.Addr)
	}
	what := fmt.Sprintf("The image name %s is taken by %s; %s. The one there is %s.", familiar(rec.ID), shortDigest(rec.Digest), needed, ownedBy(rec.Owner))
	if rec.Owner != nil {
		return fault(at, "Image name taken", "%s Give it another name here or there, or take it out of that stack's files.", what)
	}
	if im.Implied {
		return fault(at, "Image name taken", "%s %s, or take the pin out of %s to use what is there.", what, pb.waysToFree(rec), spec.LockFile)
	}
	ways := pb.waysToFree(rec)
	if im.Pull != "" {
		ways += ", pin its digest in " + spec.LockFile
	}
	return fault(at, "Image name taken", "%s %s, or adopt it:%s", what, ways, importBlock(im.Addr, familiar(rec.ID)))
}

// waysToFree tells people how to free a record's name: fairlead untags no record that a container uses.
func (pb *planBuilder) waysToFree(rec *LiveImage) string {
	if len(pb.byImage[rec.ID]) > 0 {
		return fmt.Sprintf("Untag it (`ctr -n %s images rm %s`)", pb.have.Namespace, rec.ID)
	}
	return fmt.Sprintf("Untag it (`fairlead untag %s`)", familiar(rec.ID))
}
