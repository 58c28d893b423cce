package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/hashicorp/hcl/v2"
	"github.com/opencontainers/go-digest"
	"github.com/zclconf/go-cty/cty"
)

const (
	layoutPrefix = "oci-layout://"
	imagePrefix  = "docker-image://"
)

// contexts reads a build's named contexts. Image.link finds the image blocks that they name.
func (d *decoder) contexts(attrs hcl.Attributes) map[string]BuildContext {
	a := attrs["contexts"]
	if a == nil {
		return nil
	}
	v, ok := d.eval(a)
	if !ok {
		return nil
	}
	if _, one := imageNameIn(v); one || !v.Type().IsObjectType() && !v.Type().IsMapType() {
		d.fail(fault(a.Expr.Range(), "Wrong type", "The attribute contexts is a map from the names that the Dockerfile uses, as in { base = image.base }."))
		return nil
	}
	out := map[string]BuildContext{}
	for it := v.ElementIterator(); it.Next(); {
		k, el := it.Element()
		at := d.elementAt(a, k.AsString())
		name, err := contextName(k.AsString())
		if err != nil {
			d.fail(fault(at, "Bad name", "%s", sentenceOf(err)))
			continue
		}
		if _, twice := out[name]; twice {
			d.fail(fault(at, "Duplicate name", "Two contexts are named %q. Take one out.", name))
			continue
		}
		if c, ok := d.context(name, el, at); ok {
			out[name] = c
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// contextName gives the normal form of a context's name: how the builder looks up what FROM and COPY --from say.
func contextName(s string) (string, error) {
	name, ok := FamiliarName(s)
	if !ok {
		return "", fmt.Errorf("%q cannot be the name of a context: the builder looks it up as it does what FROM says, so it is in lower case, as a stage or an image", s)
	}
	return name, nil
}

// FamiliarName leaves out of an image's name what everybody does: docker.io/library/ and :latest. BuildKit compares the names of contexts in this form.
func FamiliarName(s string) (name string, ok bool) {
	r, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		return "", false
	}
	return strings.TrimSuffix(reference.FamiliarString(r), ":latest"), true
}

func (d *decoder) context(name string, v cty.Value, at hcl.Range) (BuildContext, bool) {
	no := BuildContext{}
	if image, ok := imageNameIn(v); ok {
		if d.i.contexts == nil {
			d.i.contexts = map[string]string{}
		}
		if !image.IsKnown() || image.IsNull() {
			return no, false // broken further up, and said there
		}
		d.i.contexts[name] = image.AsString()
		return no, true
	}
	ty := v.Type()
	switch {
	case !v.IsKnown():
		d.notKnown("contexts", at)
		return no, false
	case v.IsNull():
		d.fail(fault(at, "Null value", "An element of contexts may not be null. Take it out."))
		return no, false
	case ty != cty.String:
		detail := "A context is an image block, as image.base, or a string."
		if ty.IsObjectType() && !ty.HasAttribute("image") || ty.IsTupleType() {
			detail += " A block with for_each or count stands for many: add the key, as in image.base[\"a\"]."
		}
		d.fail(fault(at, "Wrong type", "%s", detail))
		return no, false
	}
	c, diag := d.contextOf(v.AsString(), at)
	if diag != nil {
		d.fail(diag)
	}
	return c, diag == nil
}

// contextOf reads a context that is written as a string.
func (d *decoder) contextOf(s string, here hcl.Range) (BuildContext, *hcl.Diagnostic) {
	scheme := urlScheme(s)
	switch {
	case strings.HasPrefix(s, layoutPrefix):
		layout, err := layoutPath(d.e.reads.base, strings.TrimPrefix(s, layoutPrefix))
		if err != nil {
			return BuildContext{}, fault(here, "Bad OCI layout", "%s", sentenceOf(err))
		}
		return BuildContext{Layout: layout}, nil
	case strings.HasPrefix(s, imagePrefix):
		ref, err := ParseReference(strings.TrimPrefix(s, imagePrefix))
		if err != nil {
			return BuildContext{}, fault(here, "Bad reference", "%s", sentenceOf(err))
		}
		return BuildContext{Ref: ref}, nil
	case scheme != "" && !slices.Contains(contextSchemes, scheme):
		return BuildContext{}, badScheme(here, "contexts", scheme, append([]string{"docker-image", "oci-layout"}, contextSchemes...))
	case scheme != "":
		return BuildContext{URL: s}, nil
	case strings.HasPrefix(s, "."), strings.HasPrefix(s, "/"), strings.HasPrefix(s, "~/"):
		return BuildContext{Dir: d.e.reads.path(s)}, nil
	}
	s = Shown(s)
	return BuildContext{}, fault(here, "Bad context", "%q could be many things. Write \"./%s\" for a directory, \"%s%s\" for an image in a registry, \"%s%s\" for an OCI layout, image.NAME for an image block, or a whole URL.",
		s, s, imagePrefix, s, layoutPrefix, s)
}

// layoutPath makes PATH[:TAG|@DIGEST] absolute.
func layoutPath(b base, s string) (string, error) {
	p, rest := s, ""
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		p, rest = s[:i], s[i:]
		if _, err := digest.Parse(rest[1:]); err != nil {
			return "", fmt.Errorf("%q has no digest after its \"@\": one is written as \"sha256:\" and 64 hexadecimal digits", s)
		}
	} else if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, '/') {
		p, rest = s[:i], s[i:]
		if m := reference.TagRegexp.FindString(rest[1:]); m == "" || m != rest[1:] {
			return "", fmt.Errorf("%q has no tag after its \":\": one has letters, digits, \"_\", \".\" and \"-\"", s)
		}
	}
	if p == "" {
		return "", fmt.Errorf("%q has no path: write %sPATH, %sPATH:TAG or %sPATH@DIGEST", s, layoutPrefix, layoutPrefix, layoutPrefix)
	}
	return b.path(p) + rest, nil
}
