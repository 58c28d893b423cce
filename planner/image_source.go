package planner

import (
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// target is the content that an image block stands for.
type target struct {
	digest      string
	platforms   map[string]int64 // that the source has, with their bytes; nil: nobody asked
	fingerprint string
}

// targetOf gives the content that a pulled or loaded image stands for: by the digest in its reference, else by the lock file, else by the
// record that is there, else by its source. It is empty for an image that is built here, and where its source can't be read; src is that
// source.
func targetOf(want *spec.Config, have *State, sources *Sources, im *spec.Image) (t target, src *Source) {
	rec := have.Images[im.Name]
	if builtHere(im) { // only the apply can tell its digest
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

// splitDigest splits a reference into its name and its digest; "" where it has none.
func splitDigest(ref string) (name, digest string) {
	name, digest, _ = strings.Cut(ref, "@")
	return name, digest
}

// sourceRange is where an image's source is written: in its block, or in the first container that names it.
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

// sourceText names an image's source for people.
func (pb *planBuilder) sourceText(im *spec.Image) string {
	if im.Load != "" {
		return "the archive " + im.Load
	}
	return familiar(im.Pull)
}

// neededBy gives the address that needs an image: its own, or that of the first container that names it.
func (pb *planBuilder) neededBy(im *spec.Image) string {
	if us := pb.containersOf[im.Addr]; im.Implied && len(us) > 0 {
		return us[0].Addr.String()
	}
	return im.Addr.String()
}

// unreadable reports an image whose source could not be read.
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

// pinReference notes for the lock file what a reference stood for when the plan was made, unless the lock file has it.
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
