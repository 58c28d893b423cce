package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// builtHere tells whether an image is built or imported, so that only the apply can tell its digest.
func builtHere(im *spec.Image) bool { return im.Build != nil || im.Rootfs != nil }

// buildWords gives the verb of the change, the participle of the result, and the attribute, by the image's source.
func buildWords(im *spec.Image) (verb, done, attr string) {
	if im.Build != nil {
		return "build", "rebuilt", "build"
	}
	return "import", "imported anew", "import"
}

// imageBuild is the decision on one image that is built or imported.
type imageBuild struct {
	plan      *planBuilder
	im        *spec.Image
	rec       *LiveImage // nil: there is none
	src       *Source
	res       *decision
	bases     []Base
	inputs    Inputs
	emulators []fact // that programs of other platforms run
}

// decideBuilt decides on an image that is built or imported, and on its tags.
func (pb *planBuilder) decideBuilt(im *spec.Image) *decision {
	x := &imageBuild{plan: pb, im: im, rec: pb.have.Images[im.Name], src: pb.sources.Of(im), res: &decision{record: im.Name}}
	if x.rec != nil {
		x.res.identity, x.res.was = x.rec.Digest, x.rec.Digest
	}
	if was := pb.lastOwned[im.Name]; was != "" && (x.rec == nil || pb.movedOutside(x.rec) != "") {
		x.res.was = was // its containers have that content: they stay if it comes out again
	}
	if !pb.scope.has(im.Addr) {
		x.res.usable = x.rec != nil
		return x.res
	}
	if !x.check() {
		return x.res
	}
	x.res.usable = true
	pb.pinRemotes(x.src)
	x.inputs = FillBases(pb.withReevaluated(im, x.src.Inputs), x.bases)
	w := &changeDraft{change: &Change{Addr: im.Addr, Action: Keep, Decl: pb.declarationOf(im.Addr)}}
	if reasons := x.buildReasons(); len(reasons) > 0 {
		x.addBuild(w, reasons)
	} else {
		pb.relabelRecord(w, im, x.rec)
	}
	return pb.withNames(w, im, x.res, x.rec)
}

// check tells whether an image can be built, and reports all that prevents it.
func (x *imageBuild) check() bool {
	pb, n := x.plan, len(x.plan.diags)
	if x.src == nil || x.src.Err != "" {
		pb.fail(pb.unreadable(x.im, x.src))
		return false
	}
	if pb.refused[x.im.Addr] {
		return false
	}
	for _, part := range slices.Sorted(maps.Keys(x.im.Marks.Unknown)) {
		pb.fail(fault(x.im.AttrAt(part), "Not known while planning", "%s: %s depends on what only the apply will tell. Take the reference out, or name the image in contexts.", x.im.Addr, part))
	}
	var ok bool
	x.bases, ok = pb.basesOf(x.im, x.src)
	pb.coversContainers(x.im, pb.buildPlatforms(x.im))
	x.emulators = pb.emulatorsOf(x.im, x.src)
	if x.rec != nil && !pb.mayChange(x.rec) {
		pb.fail(pb.recordTaken(hcl.Range{}, x.im, x.rec, ""))
	}
	return ok && len(pb.diags) == n
}

// buildReasons gives the reasons for building an image; none where it is there, built from these inputs.
func (x *imageBuild) buildReasons() []string {
	if x.rec == nil {
		return []string{"it is not there"}
	}
	var out []string
	for _, a := range x.plan.refs(x.im) {
		if d := x.plan.decisionOf(a); d.unknown && !slices.Contains(out, d.renewed) {
			out = append(out, d.renewed)
		}
	}
	switch {
	case x.plan.movedOutside(x.rec) != "":
		out = append(out, x.plan.movedOutside(x.rec))
	case x.rec.Inputs == "":
		out = append(out, "nothing says what the one there was made from")
	case len(out) == 0 && x.rec.Inputs != x.inputs.Digest():
		if x.src.LastInputs == nil {
			out = append(out, "what it is made from changed")
		} else {
			out = WhyBuild(x.src.LastInputs, x.inputs)
		}
	}
	if len(out) == 0 {
		if gone := missing(x.plan.buildPlatforms(x.im), x.rec.Platforms); len(gone) > 0 {
			out = append(out, strings.Join(gone, ", ")+" of it is not there")
		}
	}
	if x.plan.replaceAsked(x.im.Addr) {
		out = append([]string{"--replace"}, out...)
	}
	return out
}

// addBuild adds the step that builds or imports an image.
func (x *imageBuild) addBuild(w *changeDraft, reasons []string) {
	pb, im, res := x.plan, x.im, x.res
	verb, done, _ := buildWords(im)
	c := w.change
	c.Action, c.Verb, c.Reasons = Create, verb, reasons
	res.renewed = im.Addr.String() + " is new"
	if x.rec != nil {
		c.Action = Update
		res.renewed = im.Addr.String() + " is " + done
	}
	result := pb.placeholder()
	d := w.step(x.buildOp(c, result)).need(x.emulators...).need(pb.knownRefs(im)...).give(known(im.Addr))
	if x.rec != nil {
		d.touches(x.rec.touch())
		pb.moves[x.rec.ID] = &move{to: result, work: w}
	}
	res.identity, res.unknown, res.onlyIf = result, true, []*stepDraft{d}
}

func (x *imageBuild) buildOp(c *Change, result string) Op {
	pb, im := x.plan, x.im
	protect := im.Lifecycle.PreventDestroy
	if im.Rootfs != nil {
		return &ImportImage{Name: im.Name, Rootfs: im.Rootfs, Inputs: x.inputs, Result: result, Was: x.res.was, Owner: pb.ownerOf(im.Addr), Protect: protect}
	}
	bases := slices.Clone(x.bases)
	for i := range bases {
		bases[i].Platforms, bases[i].Needs = nil, nil // which the step has no use for
	}
	op := &BuildImage{Name: im.Name, Build: im.Build, Platforms: pb.buildPlatforms(im), Inputs: x.inputs, Bytes: downloads(x.bases), Bases: bases, Remotes: x.src.Remotes,
		Result: result, Was: x.res.was, Owner: pb.ownerOf(im.Addr), Protect: protect, Force: pb.replaceAsked(im.Addr)}
	c.Notes = append(c.Notes, pb.platformsNote(op.Platforms))
	c.Notes = append(c.Notes, emulationNotes(x.src)...)
	if op.Bytes > 0 {
		c.Notes = append(c.Notes, "downloads at most "+Bytes(op.Bytes))
	}
	return op
}

// platformsNote names the platforms of a build, and which of them are emulated.
func (pb *planBuilder) platformsNote(platforms []string) string {
	var out []string
	for _, p := range platforms {
		if !slices.Contains(pb.have.Host.Native, p) && p != pb.have.Host.Platform {
			p += " (emulated)"
		}
		out = append(out, p)
	}
	return strings.Join(out, ", ")
}

// emulationNotes names the RUN instructions that emulation slows down, and what to do about it.
func emulationNotes(src *Source) []string {
	if src.Opaque {
		return []string{"its Dockerfile, or that of its base, is read by the builder alone: not all of its bases are pinned"}
	}
	if len(src.Emulated) == 0 {
		return nil
	}
	var lines []string
	for _, r := range src.Emulated {
		lines = append(lines, fmt.Sprint(r.Line))
	}
	what := "RUN in line " + lines[0] + " is"
	if len(lines) > 1 {
		what = "RUN in lines " + strings.Join(lines, ", ") + " are"
	}
	return []string{what + " slow under emulation: FROM --platform=$BUILDPLATFORM and a cross-compiler make it fast"}
}
