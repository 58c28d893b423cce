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

// decideMade says what happens to an image that is built or imported, and to its other names.
func (m *maker) decideMade(im *spec.Image) *imageResult {
	rec := m.have.Images[im.Name]
	res := &imageResult{name: im.Name}
	if rec != nil {
		res.digest, res.was = rec.Digest, rec.Digest
	}
	if !m.scope.has(im.Addr) {
		res.ok = rec != nil
		return res
	}
	src := m.have.Sources[SourceKey(im)]
	if src == nil || src.Err != "" {
		m.fail(m.unreadable(im, src))
		return res
	}
	bases, ok := m.basesOf(im, src)
	platforms := m.madeFor(im)
	ok = m.coversContainers(im, platforms) && ok
	emulators, able := m.emulatorsOf(im, src)
	if !ok || !able {
		return res
	}
	if rec != nil && !m.mine(rec) {
		m.fail(m.heldMade(im, rec))
		return res
	}
	res.ok = true
	inputs := FillBases(m.withSettledArgs(im, src.Inputs), bases)
	needs := m.needsOf(im, bases)
	w := &work{change: &Change{Addr: im.Addr, Action: Keep, Decl: m.decl(im.Addr)}}
	if reasons := m.whyAnew(im, rec, inputs, needs); len(reasons) > 0 {
		m.make(w, im, src, rec, res, inputs, bases, needs, reasons, emulators)
	} else {
		m.remark(w, im, rec)
	}
	m.tag(w, im, res)
	m.push(w, im, res, rec)
	if len(w.steps) > 0 {
		m.works = append(m.works, w)
	}
	return res
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
func (m *maker) coversContainers(im *spec.Image, platforms []string) bool {
	ok := true
	_, _, attr := making(im)
	for _, c := range m.users[im.Addr] {
		if p := orElse(c.Platform, m.have.Host.Platform); !slices.Contains(platforms, p) {
			ok = false
			m.fail(fault(c.AttrAt("platform"), "Platform not in the image", "%s needs %s of %s, whose %s is for %s. Add the platform there, or choose one of these.", c.Addr, p, im.Addr, attr, strings.Join(platforms, ", ")))
		}
	}
	return ok
}

// basesOf fills in what the bases that are images of this stack are, and pins the others.
func (m *maker) basesOf(im *spec.Image, src *Source) ([]Base, bool) {
	ok := true
	out := slices.Clone(src.Bases)
	for i := range out {
		b := &out[i]
		if !b.Image.IsZero() {
			r := m.images[b.Image]
			if r == nil {
				m.fail(fault(m.imageAt(im), "Cycle", "%s: %s needs %s, which needs %s. An image cannot be built from itself.", b.At, b.Use, b.Image, im.Addr))
			}
			if r == nil || !r.ok {
				ok = false
				continue
			}
			b.Digest = r.digest
			ok = m.coversBase(im, b) && ok
			continue
		}
		if missing := missing(b.Needs, sortedKeys(b.Platforms)); b.Platforms != nil && len(missing) > 0 {
			ok = false
			m.fail(fault(m.imageAt(im), "Platform not in the base", "%s: %s needs %s of %s, which has %s. Choose another base, or take the platform out of platforms.", b.At, b.Use, strings.Join(missing, ", "), familiar(b.Ref), strings.Join(sortedKeys(b.Platforms), ", ")))
		}
		if _, fixed := splitDigest(b.Ref); fixed == "" && b.Ref != "" && !b.Local {
			if _, pinned := m.want.Lock[b.Ref]; !pinned {
				m.pins[b.Ref] = spec.Pin{Digest: b.Digest, Platforms: b.Platforms}
			}
		}
	}
	return out, ok
}

// coversBase says which platforms a build needs of an image that isn't made for them.
func (m *maker) coversBase(im *spec.Image, b *Base) bool {
	base, _ := m.blocks[b.Image].(*spec.Image)
	if base == nil || !made(base) {
		return true // what is pulled or loaded is asked for them
	}
	have := m.madeFor(base)
	gone := missing(b.Needs, have)
	if len(gone) > 0 {
		_, _, attr := making(base)
		m.fail(fault(m.imageAt(im), "Platform not in the base", "%s: %s needs %s of %s, whose %s is for %s. Add the platform there.", b.At, b.Use, strings.Join(gone, ", "), b.Image, attr, strings.Join(have, ", ")))
	}
	return len(gone) == 0
}

// FillBases adds what the bases of a build are to its other inputs.
func FillBases(in Inputs, bases []Base) Inputs {
	out := slices.Clone(in)
	for _, b := range bases {
		name := b.Ref
		if !b.Image.IsZero() {
			name = b.Image.String()
		}
		if i := (Input{InputBase, name, b.Digest}); !slices.Contains(out[len(in):], i) {
			out = append(out, i)
		}
	}
	return out.Sorted()
}

// withSettledArgs adds the arguments that were not known while the host was read.
func (m *maker) withSettledArgs(im *spec.Image, in Inputs) Inputs {
	was, ok := m.blocks[im.Addr].(*spec.Image)
	if !ok || was == im || im.Build == nil {
		return in
	}
	out := slices.Clone(in)
	for _, name := range sortedKeys(im.Build.Args) {
		if _, known := was.Build.Args[name]; !known {
			out = append(out, Input{InputArg, name, im.Build.Args[name]})
		}
	}
	return out
}

// needsOf gives the images of this stack that an image is made with.
func (m *maker) needsOf(im *spec.Image, bases []Base) []*imageResult {
	addrs := refs(im)
	for _, b := range bases {
		if !b.Image.IsZero() {
			addrs = append(slices.Clip(addrs), b.Image)
		}
	}
	var out []*imageResult
	for _, a := range addrs {
		if r := m.images[a]; r != nil && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// whyAnew says why an image is to be made; nil: it is there, made from these inputs.
func (m *maker) whyAnew(im *spec.Image, rec *LiveImage, inputs Inputs, needs []*imageResult) []string {
	if rec == nil {
		return []string{"it is not there"}
	}
	var out []string
	for _, r := range needs {
		if r.later {
			out = append(out, r.fresh)
		}
	}
	switch {
	case rec.Inputs == "":
		out = append(out, "nothing says what the one there was made from")
	case len(out) == 0 && rec.Inputs != inputs.Digest():
		if rec.MadeFrom == nil {
			out = append(out, "what it is made from changed")
		} else {
			out = WhyMade(rec.MadeFrom, inputs)
		}
	}
	if len(out) == 0 {
		if gone := missing(m.madeFor(im), rec.Platforms); len(gone) > 0 {
			out = append(out, strings.Join(gone, ", ")+" of it is not there")
		}
	}
	if m.replaces[im.Addr] || m.replaces[im.Addr.Block()] {
		out = append([]string{"--replace"}, out...)
	}
	return out
}

// make is the step that builds or imports.
func (m *maker) make(w *work, im *spec.Image, src *Source, rec *LiveImage, res *imageResult, inputs Inputs, bases []Base, needs []*imageResult, reasons []string, emulators []*draft) {
	verb, done, _ := making(im)
	c := w.change
	c.Action, c.Verb, c.Reasons = Create, verb, reasons
	res.fresh = im.Addr.String() + " is new"
	if rec != nil {
		c.Action = Update
		res.fresh = im.Addr.String() + " is " + done
	}
	token := tokenOf(im.Addr, false)
	m.tokens[token] = true
	force := m.replaces[im.Addr] || m.replaces[im.Addr.Block()]
	var op Op
	if im.Build != nil {
		platforms := m.madeFor(im)
		c.Notes = append(c.Notes, m.platformsNote(platforms))
		c.Notes = append(c.Notes, m.slowNotes(src)...)
		bytes := downloads(bases)
		if bytes > 0 {
			c.Notes = append(c.Notes, "downloads at most "+Bytes(bytes))
		}
		op = &BuildImage{Name: im.Name, Build: im.Build, Platforms: platforms, Inputs: inputs, Bytes: bytes, Bases: bases, Result: token, Was: res.was, Owner: m.own(im.Addr), Protect: im.Lifecycle.PreventDestroy, Force: force}
	} else {
		op = &ImportImage{Name: im.Name, Rootfs: im.Rootfs, Inputs: inputs, Result: token, Was: res.was, Owner: m.own(im.Addr), Protect: im.Lifecycle.PreventDestroy}
	}
	d := w.step(op, emulators...)
	for _, r := range needs {
		d.wait(r.last...)
	}
	if rec != nil {
		d.touches(touchImage(rec))
		m.moves[rec.Name] = &move{to: token, work: w}
	}
	d.last(res)
	res.digest, res.later, res.makes = token, true, []*draft{d}
}

// downloads is what the bases that only a registry has may have to be downloaded: what of them the builder has is the builder's to know.
func downloads(bases []Base) int64 {
	var out int64
	for _, b := range bases {
		if !b.Local && b.Image.IsZero() {
			n, _ := sum(b.Platforms, b.Needs)
			out += n
		}
	}
	return out
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
func (m *maker) slowNotes(src *Source) []string {
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
	return fault(m.imageAt(im), "Image name taken", "%s Untag it (`fairlead untag %s`), or adopt it:%s", what, familiar(rec.Name), importBlock(im.Addr, familiar(rec.Name)))
}

// asBefore gives what references to an image that is made anew give if it comes out as it was.
func (m *maker) asBefore(im *spec.Image, r *imageResult) {
	if r.later && r.was != "" {
		m.before[im.Addr] = m.imageValue(im, r.was)
		return
	}
	m.before[im.Addr] = m.known[im.Addr]
}
