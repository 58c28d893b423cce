package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// made tells whether an image is made here, by a build or an import, so that its digest is known once that has run.
func made(im *spec.Image) bool { return im.Build != nil || im.Rootfs != nil }

// making says how the change, its step and its result are named, by the image's source.
func making(im *spec.Image) (verb, done, attr string) {
	if im.Build != nil {
		return "build", "rebuilt", "build"
	}
	return "import", "imported anew", "import"
}

// makes is an image that is made here, as it is decided upon.
type makes struct {
	m      *maker
	im     *spec.Image
	rec    *LiveImage // nil: there is none
	src    *Source
	res    *imageResult
	bases  []Base
	needs  []*imageResult // images of this stack that it is made with
	inputs Inputs
	first  []*draft // emulators that it waits for
}

// decideMade says what happens to an image that is built or imported, and to its other names.
func (m *maker) decideMade(im *spec.Image) *imageResult {
	x := &makes{m: m, im: im, rec: m.have.Images[im.Name], src: m.have.Sources[SourceKey(im)], res: &imageResult{name: im.Name}}
	if x.rec != nil {
		x.res.digest, x.res.was = x.rec.Digest, x.rec.Digest
	}
	if was := m.lastOwned[im.Name]; was != "" && (x.rec == nil || m.outside(x.rec) != "") {
		x.res.was = was // what containers are made from stays if it comes out again
	}
	if !m.scope.has(im.Addr) {
		x.res.ok = x.rec != nil
		return x.res
	}
	if !x.possible() {
		return x.res
	}
	x.res.ok = true
	m.pinRemotes(x.src)
	x.needs = m.needsOf(im)
	x.inputs = FillBases(m.withSettled(im, x.src.Inputs), x.bases)
	w := &work{change: &Change{Addr: im.Addr, Action: Keep, Decl: m.decl(im.Addr)}}
	if reasons := x.why(); len(reasons) > 0 {
		x.make(w, reasons)
	} else {
		m.remark(w, im, x.rec)
	}
	m.tag(w, im, x.res)
	m.push(w, im, x.res, x.rec)
	if len(w.steps) > 0 {
		m.works = append(m.works, w)
	}
	return x.res
}

// possible says what keeps an image from being made, all of it.
func (x *makes) possible() bool {
	m, n := x.m, len(x.m.diags)
	if x.src == nil || x.src.Err != "" {
		m.fail(m.unreadable(x.im, x.src))
		return false
	}
	if m.refused[x.im.Addr] {
		return false
	}
	for _, part := range sortedKeys(x.im.Marks.Unknown) {
		m.fail(fault(x.im.AttrAt(part), "Not known while planning", "%s: %s depends on what only the apply will tell. Take the reference out, or name the image in contexts.", x.im.Addr, part))
	}
	var ok bool
	x.bases, ok = m.basesOf(x.im, x.src)
	m.coversContainers(x.im, m.madeFor(x.im))
	x.first = m.emulatorsOf(x.im, x.src)
	if x.rec != nil && !m.mine(x.rec) {
		m.fail(m.heldMade(x.im, x.rec))
	}
	return ok && len(m.diags) == n
}

// madeFor gives the platforms that an image is made for.
func (m *maker) madeFor(im *spec.Image) []string {
	switch {
	case im.Rootfs != nil:
		return []string{orElse(im.Rootfs.Platform, m.have.Host.Platform)}
	case len(im.Build.Platforms) > 0:
		return im.Build.Platforms
	}
	return m.platformsOf(im)
}

// coversContainers says which platform a container asks for that the image is not made for.
func (m *maker) coversContainers(im *spec.Image, platforms []string) {
	_, _, attr := making(im)
	for _, c := range m.users[im.Addr] {
		if p := orElse(c.Platform, m.have.Host.Platform); !slices.Contains(platforms, p) {
			m.fail(fault(c.AttrAt("platform"), "Platform not in the image", "%s needs %s of %s, whose %s is for %s. Add the platform there, or choose one of these.", c.Addr, p, im.Addr, attr, strings.Join(platforms, ", ")))
		}
	}
}

// why says why an image is to be made; nil: it is there, made from these inputs.
func (x *makes) why() []string {
	if x.rec == nil {
		return []string{"it is not there"}
	}
	var out []string
	for _, r := range x.needs {
		if r.later {
			out = append(out, r.fresh)
		}
	}
	for _, a := range x.m.refs(x.im) {
		if r := x.m.containers[a]; r != nil && len(r.unless) > 0 {
			out = append(out, a.String()+" may be replaced")
		}
	}
	switch {
	case x.m.outside(x.rec) != "":
		out = append(out, x.m.outside(x.rec))
	case x.rec.Inputs == "":
		out = append(out, "nothing says what the one there was made from")
	case len(out) == 0 && x.rec.Inputs != x.inputs.Digest():
		if x.rec.MadeFrom == nil {
			out = append(out, "what it is made from changed")
		} else {
			out = WhyMade(x.rec.MadeFrom, x.inputs)
		}
	}
	if len(out) == 0 {
		if gone := missing(x.m.madeFor(x.im), x.rec.Platforms); len(gone) > 0 {
			out = append(out, strings.Join(gone, ", ")+" of it is not there")
		}
	}
	if x.m.forced(x.im.Addr) {
		out = append([]string{"--replace"}, out...)
	}
	return out
}

// forced tells whether --replace names an address or its block.
func (m *maker) forced(a spec.Addr) bool { return m.replaces[a] || m.replaces[a.Block()] }

// make is the step that builds or imports.
func (x *makes) make(w *work, reasons []string) {
	m, im, res := x.m, x.im, x.res
	verb, done, _ := making(im)
	c := w.change
	c.Action, c.Verb, c.Reasons = Create, verb, reasons
	res.fresh = im.Addr.String() + " is new"
	if x.rec != nil {
		c.Action = Update
		res.fresh = im.Addr.String() + " is " + done
	}
	result := m.placeholder()
	d := w.step(x.op(c, result), x.first...)
	d.wait(m.toldBy(im)...)
	if x.rec != nil {
		d.touches(touchImage(x.rec))
		m.moves[x.rec.Name] = &move{to: result, work: w}
	}
	d.last(res)
	res.digest, res.later, res.makes = result, true, []*draft{d}
}

func (x *makes) op(c *Change, result string) Op {
	m, im := x.m, x.im
	protect := im.Lifecycle.PreventDestroy
	if im.Rootfs != nil {
		return &ImportImage{Name: im.Name, Rootfs: im.Rootfs, Inputs: x.inputs, Result: result, Was: x.res.was, Owner: m.own(im.Addr), Protect: protect}
	}
	op := &BuildImage{Name: im.Name, Build: im.Build, Platforms: m.madeFor(im), Inputs: x.inputs, Bytes: downloads(x.bases), Bases: x.bases, Remotes: x.src.Remotes,
		Result: result, Was: x.res.was, Owner: m.own(im.Addr), Protect: protect, Force: m.forced(im.Addr)}
	c.Notes = append(c.Notes, m.platformsNote(op.Platforms))
	c.Notes = append(c.Notes, slowNotes(x.src)...)
	if op.Bytes > 0 {
		c.Notes = append(c.Notes, "downloads at most "+Bytes(op.Bytes))
	}
	return op
}

// platformsNote says for which platforms is built, and which of them are emulated.
func (m *maker) platformsNote(platforms []string) string {
	var out []string
	for _, p := range platforms {
		if !slices.Contains(m.have.Host.Native, p) && p != m.have.Host.Platform {
			p += " (emulated)"
		}
		out = append(out, p)
	}
	return strings.Join(out, ", ")
}

// slowNotes says which RUN steps emulation slows down, and what to do about it.
func slowNotes(src *Source) []string {
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

func (m *maker) heldMade(im *spec.Image, rec *LiveImage) *hcl.Diagnostic {
	_, _, attr := making(im)
	what := fmt.Sprintf("The image name %s is taken by %s; the %s of %s is to have that name. The one there is %s.", familiar(rec.Name), shortDigest(rec.Digest), attr, im.Addr, ownedBy(rec.Owner))
	if rec.Owner != nil {
		return fault(m.imageAt(im), "Image name taken", "%s Give it another name here or there, or take it out of that stack's files.", what)
	}
	return fault(m.imageAt(im), "Image name taken", "%s %s, or adopt it:%s", what, m.freeing(rec), importBlock(im.Addr, familiar(rec.Name)))
}
