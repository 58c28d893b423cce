package spec

import (
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

func (d *decoder) text(attrs hcl.Attributes, attr string) (string, hcl.Range, bool) {
	v, at, ok := d.value(attrs, attr, cty.String)
	if !ok {
		return "", at, false
	}
	s := v.AsString()
	if strings.ContainsRune(s, 0) {
		d.fail(fault(at, "Zero byte", "The attribute %s may not hold a zero byte: no program could be given it.", attr))
		return "", at, false
	}
	return s, at, true
}

func (d *decoder) boolean(attrs hcl.Attributes, attr string, otherwise bool) bool {
	if v, _, ok := d.value(attrs, attr, cty.Bool); ok {
		return v.True()
	}
	return otherwise
}

// oneOfWords reads an attribute that takes one of a few words.
func (d *decoder) oneOfWords(attrs hcl.Attributes, attr, otherwise string, known ...string) (string, hcl.Range) {
	s, at, ok := d.text(attrs, attr)
	if !ok {
		return otherwise, at
	}
	if !slices.Contains(known, s) {
		d.fail(fault(at, "Unknown word", "The attribute %s is %s, and this is %q.%s", attr, quotedList(known, "or"), s, DidYouMean(s, known)))
		return otherwise, at
	}
	return s, at
}

// texts reads a list of strings, with where each of them is written.
func (d *decoder) texts(attrs hcl.Attributes, attr string) ([]string, []hcl.Range, bool) {
	v, at, ok := d.value(attrs, attr, cty.List(cty.String))
	if !ok {
		return nil, nil, false
	}
	exprs, diags := hcl.ExprList(attrs[attr].Expr)
	if diags.HasErrors() || len(exprs) != v.LengthInt() {
		exprs = nil
	}
	out, ats := []string{}, []hcl.Range{}
	for it := v.ElementIterator(); it.Next(); {
		_, el := it.Element()
		here := at
		if exprs != nil {
			here = exprs[len(out)].Range()
		}
		if el.IsNull() || strings.ContainsRune(el.AsString(), 0) {
			d.fail(fault(here, "Null value", "An element of %s may be neither null nor hold a zero byte.", attr))
			return nil, nil, false
		}
		out, ats = append(out, el.AsString()), append(ats, here)
	}
	return out, ats, true
}

// textMap reads a map of strings. An element that is not known yet is marked and left out.
func (d *decoder) textMap(attrs hcl.Attributes, attr string) (map[string]string, bool) {
	v, _, ok := d.value(attrs, attr, cty.Map(cty.String))
	if !ok {
		return nil, false
	}
	out := map[string]string{}
	for it := v.ElementIterator(); it.Next(); {
		k, el := it.Element()
		key := k.AsString()
		here := d.elementAt(attrs[attr], key)
		switch {
		case !el.IsKnown():
			d.unknownPath(element(attr, key))
		case el.IsNull():
			d.fail(fault(here, "Null value", "An element of %s may not be null. Take it out, or write \"\".", attr))
		case strings.ContainsRune(el.AsString(), 0) || strings.ContainsRune(key, 0):
			d.fail(fault(here, "Zero byte", "An element of %s may not hold a zero byte.", attr))
		default:
			out[key] = el.AsString()
		}
	}
	if len(out) == 0 {
		return nil, true
	}
	return out, true
}

// isSet tells whether an attribute is there and not null.
func (d *decoder) isSet(attrs hcl.Attributes, attr string) bool {
	a := attrs[attr]
	if a == nil {
		return false
	}
	v, diags := a.Expr.Value(d.ctx) // what is wrong with it is said where it is read
	return diags.HasErrors() || !v.IsNull()
}

// hostPath reads the path of something on the host, relative to the stack's directory.
func (d *decoder) hostPath(attrs hcl.Attributes, attr, what string) string {
	p, here, ok := d.text(attrs, attr)
	switch {
	case !ok:
		return ""
	case p == "":
		d.fail(fault(here, "Empty path", "The attribute %s is the path of %s.", attr, what))
		return ""
	}
	return d.e.reads.path(p)
}

// parsedSet reads a list of strings through a parser: in normal form, sorted, each once.
func (d *decoder) parsedSet(attrs hcl.Attributes, attr, summary string, parse func(string) (string, error)) []string {
	texts, ats, _ := d.texts(attrs, attr)
	seen := map[string]bool{}
	var out []string
	for i, s := range texts {
		got, err := parse(s)
		if err != nil {
			d.fail(fault(ats[i], summary, "%s", sentenceOf(err)))
			continue
		}
		if !seen[got] {
			seen[got] = true
			out = append(out, got)
		}
	}
	sort.Strings(out)
	return out
}

// parsed reads a string through one of the parsers of units.
func parsed[T any](d *decoder, attrs hcl.Attributes, attr, summary string, parse func(string) (T, error)) (T, hcl.Range, bool) {
	s, at, ok := d.text(attrs, attr)
	if !ok {
		var zero T
		return zero, at, false
	}
	got, err := parse(s)
	if err != nil {
		d.fail(fault(at, summary, "%s", sentenceOf(err)))
		return got, at, false
	}
	return got, at, true
}

// byteSize reads a number of bytes that is not zero. It gives 0 where the attribute is unset, which means what otherwise says.
func (d *decoder) byteSize(attrs hcl.Attributes, attr, otherwise string) int64 {
	v, at, ok := d.value(attrs, attr, cty.DynamicPseudoType)
	if !ok {
		return 0
	}
	text, err := convert.Convert(v, cty.String)
	if err != nil || text.IsNull() {
		d.fail(fault(at, "Wrong type", "The attribute %s is a size in a string, as \"64MiB\", or a number of bytes.", attr))
		return 0
	}
	size, err := ParseSize(text.AsString())
	switch {
	case err != nil:
		d.fail(fault(at, "Bad size", "%s", sentenceOf(err)))
	case size <= 0:
		d.fail(fault(at, "Bad size", "A size is more than zero; leave it out for %s.", otherwise))
	}
	return size
}

// singleBlock gives the one block of a type; nil for none. It says where there are more.
func (d *decoder) singleBlock(blocks hcl.Blocks, kind string) *hcl.Block {
	found := blocks.OfType(kind)
	if len(found) == 0 {
		return nil
	}
	for _, b := range found[1:] {
		d.fail(fault(b.DefRange, "Duplicate block", "A block has one %s block, and there is one at %s already. Put the two together.", kind, lineOf(found[0].DefRange)))
	}
	return found[0]
}
