package spec

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

var imageSchema = newSchema(append(optional("pull", "load", "import", "platform", "name", "tags", "push"), repeatAttributes...), map[string]*schema{
	"build": buildSchema, "config": configSchema, "lifecycle": lifecycleSchema,
})

// imageSources are the attributes and the block that say where an image comes from; an image has one of them.
var imageSources = []string{"pull", "load", "build", "import"}

// image reads an image block.
func (d *decoder) image(im *Image) {
	content := d.content(imageSchema)
	attrs := content.Attributes
	build := d.single(content.Blocks, "build")
	d.oneSource(im, attrs, build)
	im.Pull, _, _ = parsed(d, attrs, "pull", "Bad reference", ParseReference)
	im.Load = d.hostPath(attrs, "load", "an archive or of an OCI layout's directory")
	im.Build = d.build(build)
	im.Rootfs = d.rootfs(content)
	im.Name = d.imageName(im, attrs)
	im.Tags = d.references(attrs, "tags", im.Name)
	im.Push = d.references(attrs, "push", "")
	d.mustKnow(attrs, "pull")
	d.mustKnow(attrs, "load")
	d.lifecycle(content.Blocks, &im.Lifecycle, imageSchema)
}

// oneSource says where an image has no source, or more than one.
func (d *decoder) oneSource(im *Image, attrs hcl.Attributes, build *hcl.Block) {
	var set []string
	var ats []hcl.Range
	for _, s := range imageSources {
		switch {
		case s == "build" && build != nil:
			set, ats = append(set, s), append(ats, build.DefRange)
		case d.isSet(attrs, s):
			set, ats = append(set, s), append(ats, attrs[s].NameRange)
		}
	}
	switch {
	case len(set) == 0:
		d.fail(fault(im.DeclAt, "No source", "An image says where it comes from: set one of %s.", list(imageSources, "or")))
	case len(set) > 1:
		hint := ""
		if contains(set, "pull") && contains(set, "build") {
			hint = " To build on an image that is pulled, name it in the Dockerfile's FROM; to name the result, set name."
		}
		d.fail(fault(ats[1], "Two sources", "An image comes from one place, and this one sets %s. Take one out.%s", list(set, "and"), hint))
	}
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
	if d.isSet(attrs, "pull") {
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
	out := slices.DeleteFunc(d.parsedSet(attrs, attr, "Bad reference", ParseTag), func(r string) bool { return r == without })
	d.mustKnow(attrs, attr)
	return out
}
