package planner

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// move is what becomes of an image record: it points elsewhere, or it goes.
type move struct {
	to   string // "": it goes
	work *changeDraft
}

// target is what an image block or a container's string stands for.
type target struct {
	digest      string
	platforms   map[string]int64 // that the source has, with their bytes; nil: nobody asked
	fingerprint string
}

// platformsOf gives the platforms that are needed of an image: by its containers, and by the builds that start from it.
func (pb *planBuilder) neededPlatforms(im *spec.Image) []string {
	var out []string
	for _, p := range im.Platform {
		out = append(out, orElse(p, pb.have.Host.Platform))
	}
	if !builtHere(im) { // else its own block says what it is made for
		out = append(out, pb.basePlatforms[im.Addr]...)
	}
	if len(out) == 0 {
		out = []string{pb.have.Host.Platform}
	}
	sort.Strings(out)
	return slices.Compact(out)
}

// bringsOf gives the platforms that must be here of an image, of those that its source offers: those that its containers need, and
// all for a push, as a registry takes no index that names what it doesn't get.
func (pb *planBuilder) platformsToFetch(im *spec.Image, offered map[string]int64) []string {
	if len(im.Push) > 0 && im.Pull != "" && offered != nil {
		return sortedKeys(offered)
	}
	return pb.neededPlatforms(im)
}

// imageAt is where an image's source is written: in its block, or in the container that names it.
func (pb *planBuilder) sourceRange(im *spec.Image) hcl.Range {
	if im.Implied {
		for _, c := range pb.containersOf[im.Addr] {
			return c.AttrAt("image")
		}
	}
	if builtHere(im) {
		_, _, attr := buildWords(im)
		return im.AttrAt(attr)
	}
	if im.Load != "" {
		return im.AttrAt("load")
	}
	return im.AttrAt("pull")
}

// targetOf says what an image stands for, without asking anybody: by its own digest, the lock file, what is there, or what was found
// while reading the host. Empty if nobody could tell; src is the reading then.
func targetOf(want *spec.Config, have *State, sources *Sources, im *spec.Image) (t target, src *Source) {
	rec := have.Images[im.Name]
	if builtHere(im) { // its digest is the apply's to tell, unless it is there
		return target{}, sources.Of(im)
	}
	if im.Load != "" {
		src = sources.Of(im)
		switch {
		case src != nil && src.Err == "":
			return target{src.Digest, src.Platforms, src.Fingerprint}, src
		case src == nil && rec != nil:
			return target{digest: rec.Digest}, nil
		}
		return target{}, src
	}
	src = sources.Of(im)
	pin, pinned := want.Lock[im.Pull]
	_, fixed := splitDigest(im.Pull)
	switch {
	case fixed != "":
		t = target{digest: fixed, platforms: pin.Platforms}
	case pinned:
		t = target{digest: pin.Digest, platforms: pin.Platforms}
	case rec != nil && im.Name == im.Pull: // under another name, the record may be of another reference
		return target{digest: rec.Digest}, nil
	case src != nil && src.Err == "":
		return target{digest: src.Digest, platforms: src.Platforms}, src
	}
	if len(t.platforms) == 0 {
		t.platforms = nil
		if src != nil && src.Err == "" && src.Digest == t.digest {
			t.platforms = src.Platforms
		}
	}
	return t, src
}

// decideImage says what happens to one image and its other names.
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
	pb.ensureTags(w, im, res)
	pb.ensurePushed(w, im, res, rec)
	if len(w.steps) > 0 {
		pb.changes = append(pb.changes, w)
	}
	return res
}

func (pb *planBuilder) unreadable(im *spec.Image, src *Source) *hcl.Diagnostic {
	what := "The reference " + familiar(im.Pull)
	switch {
	case im.Load != "":
		what = "The archive " + im.Load
	case im.Rootfs != nil:
		what = "The root filesystem " + spec.Shown(im.Rootfs.Path)
	case im.Build != nil:
		what = "What the build depends on"
	}
	if src == nil && builtHere(im) {
		return fault(pb.sourceRange(im), "Image not looked up", "%s was not read while the host was. Run the command again; if it stays so, this is a fault of fairlead.", what)
	}
	if src == nil {
		return fault(pb.sourceRange(im), "Image not looked up", "%s is not on the host, not pinned in the lock file, and was not looked up while the host was read. Run the command again; if it stays so, this is a fault of fairlead.", what)
	}
	why := strings.TrimSuffix(src.Err, ".")
	if im.Build != nil {
		return fault(pb.sourceRange(im), "Build not possible", "%s cannot be built: %s", im.Addr, ended(src.Err))
	}
	if im.Load != "" {
		why = strings.TrimPrefix(why, im.Load+": ")
	}
	return fault(pb.sourceRange(im), "Image not readable", "%s is needed for %s and could not be read: %s.", what, pb.neededBy(im), why)
}

// userOf names who needs an image: its block, or the first container that names it.
func (pb *planBuilder) neededBy(im *spec.Image) string {
	if us := pb.containersOf[im.Addr]; im.Implied && len(us) > 0 {
		return us[0].Addr.String()
	}
	return im.Addr.String()
}

// hasPlatforms says which platform a container asks for that the source doesn't have.
func (pb *planBuilder) hasPlatforms(im *spec.Image, t target, rec *LiveImage) bool {
	have := sortedKeys(t.platforms)
	if t.platforms == nil {
		if im.Load == "" || rec == nil || rec.Platforms == nil {
			return true
		}
		have = rec.Platforms // an archive that didn't change: all that it had is there
	}
	ok := true
	for _, p := range pb.neededPlatforms(im) {
		if slices.Contains(have, p) {
			continue
		}
		ok = false
		at := pb.sourceRange(im)
		who := im.Addr.String()
		for _, c := range pb.containersOf[im.Addr] {
			if orElse(c.Platform, pb.have.Host.Platform) == p {
				at, who = c.AttrAt("image"), c.Addr.String()
				if c.Platform != "" {
					at = c.AttrAt("platform")
				}
				break
			}
		}
		pb.fail(fault(at, "Platform not in the image", "%s needs %s of %s, which has %s. Choose one of these, or another image.", who, p, pb.sourceText(im), orElse(strings.Join(have, ", "), "no platform at all")))
	}
	return ok
}

func (pb *planBuilder) sourceText(im *spec.Image) string {
	if im.Load != "" {
		return "the archive " + im.Load
	}
	return familiar(im.Pull)
}

// mayUse checks that the record of the image's name may be used as it is, or be changed.
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

// mine tells whether a record is this stack's, was when another tool moved it, or is about to be.
func (pb *planBuilder) mayChange(rec *LiveImage) bool {
	_, adopted := pb.adopted[rec.key()]
	return adopted || pb.ours(rec.Owner) || pb.movedOutside(rec) != ""
}

func (pb *planBuilder) recordTaken(at hcl.Range, im *spec.Image, rec *LiveImage, digest string) *hcl.Diagnostic {
	what := fmt.Sprintf("The image name %s is taken by %s; %s needs %s under that name. The one there is %s.", familiar(rec.ID), shortDigest(rec.Digest), im.Addr, shortDigest(digest), ownedBy(rec.Owner))
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

// freeing says how a name is taken away from a record: fairlead leaves one that a container uses.
func (pb *planBuilder) waysToFree(rec *LiveImage) string {
	if len(pb.byImage[rec.ID]) > 0 {
		return fmt.Sprintf("Untag it (`ctr -n %s images rm %s`)", pb.have.Namespace, rec.ID)
	}
	return fmt.Sprintf("Untag it (`fairlead untag %s`)", familiar(rec.ID))
}

// pin notes what a reference stood for when the plan was made, where the lock file doesn't say it yet.
func (pb *planBuilder) pinReference(im *spec.Image, t target) {
	if im.Pull == "" {
		return
	}
	_, fixed := splitDigest(im.Pull)
	_, pinned := pb.want.Lock[im.Pull]
	rec := pb.have.Images[im.Name]
	if fixed != "" || pinned || im.Implied && rec != nil {
		return
	}
	pb.pins[im.Pull] = spec.Pin{Digest: t.digest, Platforms: t.platforms}
}

// bring sees to it that the record of the image's name is there, whole and this stack's.
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
		c.escalate(Update, verb, orElse(pb.movedOutside(rec), reason(imageAttrs, diffs[0])))
		c.addDiffs(diffs)
		if pb.movedOutside(rec) == "" || pb.lastOwned[rec.ID] != t.digest { // else nothing is made from what it was moved to
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

// turned tells whether the block stood for other content until now, under a name that nothing wants any more.
func (pb *planBuilder) hadOtherContent(im *spec.Image, t target) bool {
	for _, o := range pb.owned[im.Addr] {
		if rec := o.(*LiveImage); !pb.wantedRecords[rec.ID] && rec.Digest != t.digest {
			return true
		}
	}
	return false
}

// get is the step that brings the content.
func (w *changeDraft) fetch(im *spec.Image, t target, platforms []string, owner Owner) *stepDraft {
	protect := im.Lifecycle.PreventDestroy
	if im.Load != "" {
		return w.step(&LoadImage{Name: im.Name, Path: im.Load, Digest: t.digest, Fingerprint: t.fingerprint, Platforms: sortedKeys(t.platforms), Owner: owner, Protect: protect}).give(known(im.Addr))
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

// imageTitle is an image as people name it: by its address, or where no block has it, by its name.
func imageTitle(im *spec.Image) string {
	if im.Implied {
		return familiar(im.Name)
	}
	return im.Addr.String()
}

// remark changes the marks on a record: it is adopted, its block has another name, or its protection differs.
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

// become sets what a change is, unless it is something dearer already.
func (c *Change) escalate(a Action, verb, reason string) {
	if c.Action == Keep {
		c.Action, c.Verb = a, verb
	}
	if !slices.Contains(c.Reasons, reason) {
		c.Reasons = append(c.Reasons, reason)
	}
}

// missing gives the wanted platforms whose content isn't whole; none where nobody asked.
func missing(need, have []string) []string {
	if have == nil {
		return nil
	}
	var out []string
	for _, p := range need {
		if !slices.Contains(have, p) {
			out = append(out, p)
		}
	}
	return out
}
