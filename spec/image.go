package spec

import (
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

var repeatAttrs = []hcl.AttributeSchema{{Name: "for_each"}, {Name: "count"}}

var imageSchema = &hcl.BodySchema{
	Attributes: append([]hcl.AttributeSchema{{Name: "pull"}, {Name: "load"}, {Name: "name"}, {Name: "tags"}, {Name: "push"}}, repeatAttrs...),
	Blocks:     []hcl.BlockHeaderSchema{{Type: "lifecycle"}},
}

// imageSources are the attributes that say where an image comes from; an image has one of them.
var imageSources = []string{"pull", "load"}

// image reads an image block.
func (d *decoder) image(im *Image) {
	content := d.content(imageSchema)
	attrs := content.Attributes
	var set []string
	for _, s := range imageSources {
		if attrs[s] != nil {
			set = append(set, s)
		}
	}
	switch {
	case len(set) == 0 && !d.laterSource():
		d.fail(fault(im.DeclAt, "No source", "An image says where it comes from: set one of %s.", list(imageSources, "or")))
	case len(set) > 1:
		d.fail(fault(attrs[set[1]].NameRange, "Two sources", "An image comes from one place, and this one sets %s. Take one out.", list(set, "and")))
	}
	im.Pull, _, _ = parsed(d, attrs, "pull", "Bad reference", ParseReference)
	if path, at_, ok := d.text(attrs, "load"); ok {
		if path == "" {
			d.fail(fault(at_, "Empty path", "The attribute load is the path of an archive or of an OCI layout's directory."))
		} else {
			im.Load = at(d.e.dir, path)
		}
	}
	im.Name = d.imageName(im, attrs)
	im.Tags = d.references(attrs, "tags", im.Name)
	im.Push = d.references(attrs, "push", "")
	d.lifecycle(content.Blocks, &im.Lifecycle, imageSchema)
}

// laterSource tells whether the block has a source that comes with a later version, which is said as an unknown one.
func (d *decoder) laterSource() bool {
	for _, b := range d.n.block.Body.Blocks {
		if b.Type == "build" {
			return true
		}
	}
	return d.n.block.Body.Attributes["import"] != nil
}

func (d *decoder) imageName(im *Image, attrs hcl.Attributes) string {
	if a := attrs["name"]; a != nil {
		got, at, ok := parsed(d, attrs, "name", "Bad reference", ParseTag)
		if d.block.Marks.Unknown["name"] && !d.n.bad {
			d.fail(fault(at, "Value not known yet", "An image's name must be known while planning, and this is known only after apply. Build it from variables and local values."))
		}
		if ok {
			return got
		}
		return ""
	}
	if attrs["pull"] != nil {
		return im.Pull
	}
	made := strings.ToLower(d.e.cfg.Stack.Name + "/" + d.i.addr.Name)
	if key := d.i.addr.KeyText(); key != "" {
		made += "-" + strings.ToLower(key)
	}
	got, err := ParseTag(made + ":latest")
	if err != nil {
		if d.e.cfg.Stack.Name != "" {
			d.fail(fault(d.n.block.DefRange(), "Bad reference", "The image would be named %s:latest after its block, and no image can be. Set name.", made))
		}
		return ""
	}
	return got
}

// references reads a list of names to give, normalised, sorted, each once, without the one left out.
func (d *decoder) references(attrs hcl.Attributes, attr, without string) []string {
	texts, ats, ok := d.texts(attrs, attr)
	if d.block.Marks.Unknown[attr] && !d.n.bad {
		d.fail(fault(attrs[attr].Expr.Range(), "Value not known yet", "The attribute %s must be known while planning, and this is known only after apply. Build it from variables and local values.", attr))
	}
	if !ok {
		return nil
	}
	seen := map[string]bool{without: true}
	var out []string
	for i, s := range texts {
		r, err := ParseTag(s)
		if err != nil {
			d.fail(fault(ats[i], "Bad reference", "%s", sentence(err.Error())))
			continue
		}
		if !seen[r] {
			seen[r] = true
			out = append(out, r)
		}
	}
	sort.Strings(out)
	return out
}
