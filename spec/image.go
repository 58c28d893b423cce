package spec

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Image is an image block, or an image that a container's string names.
type Image struct {
	Block
	Implied  bool     `json:"implied,omitempty"` // named by a container's string only: used if there, else pulled
	Name     string   `json:"name"`              // normalised reference of the image record, with a tag (or a digest, if Implied or pulled by digest)
	Pull     string   `json:"pull,omitempty"`    // normalised reference to pull; one of Pull, Load, Build and Rootfs is set
	Load     string   `json:"load,omitempty"`    // absolute path of an archive or an OCI layout directory
	Build    *Build   `json:"build,omitempty"`   // how to build it
	Rootfs   *Rootfs  `json:"rootfs,omitempty"`  // the root filesystem that it is made of
	Tags     []string `json:"tags,omitempty"`    // normalised; more records for the same target; sorted, without Name
	Push     []string `json:"push,omitempty"`    // normalised references to push to, sorted
	Platform []string `json:"platforms"`         // normalised platforms that its containers need, sorted; the host's own where none: ""
}

var imageKind = &kind{
	name: KindImage, label: blockLabel{name: "name", sample: "app"}, schema: imageSchema,
	empty:      func(b Block) Resource { return &Image{Block: b} },
	attributes: []string{"name", "digest", "size", "platforms"},
}

var imageSchema = newSchema(schema{
	optional: []string{"pull", "load", "import", "platform", "name", "tags", "push"}, repeats: true,
	nested:  map[string]*schema{"build": buildSchema, "config": configSchema, "lifecycle": imageLifecycleSchema},
	exposed: exposedOnHost,
})

var imageLifecycleSchema = newSchema(schema{
	optional: []string{"prevent_destroy"}, nested: map[string]*schema{"precondition": conditionSchema},
	hints: map[string]string{"ignore_changes": onlyContainersHaveIt, "replace_triggered_by": onlyContainersHaveIt},
})

const onlyContainersHaveIt = "Only a container has it: an image is its content. Take it out."

// imageSources are the attributes and the block that say where an image comes from; an image has one of them.
var imageSources = []string{"pull", "load", "build", "import"}

func (im *Image) decode(d *decoder, content *hcl.BodyContent) {
	attrs := content.Attributes
	build := d.singleBlock(content.Blocks, "build")
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
		d.fail(fault(im.DeclAt, "No source", "An image says where it comes from: set one of %s.", quotedList(imageSources, "or")))
	case len(set) > 1:
		hint := ""
		if slices.Contains(set, "pull") && slices.Contains(set, "build") {
			hint = " To build on an image that is pulled, name it in the Dockerfile's FROM; to name the result, set name."
		}
		d.fail(fault(ats[1], "Two sources", "An image comes from one place, and this one sets %s. Take one out.%s", quotedList(set, "and"), hint))
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

// reference is unknown without a name, which is wrong then.
func (im *Image) reference() cty.Value {
	if im.Name == "" {
		return cty.DynamicVal
	}
	return ImageValue(im.Name, "", -1, nil)
}

// ImageValue is what a reference to an image block gives. A digest "" , nil platforms and a size below 0 are unknown.
func ImageValue(name, digest string, size int64, platforms []string) cty.Value {
	v := map[string]cty.Value{
		"name":      cty.StringVal(name),
		"digest":    cty.UnknownVal(cty.String),
		"size":      cty.UnknownVal(cty.Number),
		"platforms": cty.UnknownVal(cty.List(cty.String)),
	}
	if digest != "" {
		v["digest"] = cty.StringVal(digest)
	}
	if size >= 0 {
		v["size"] = cty.NumberIntVal(size)
	}
	if platforms != nil {
		v["platforms"] = cty.ListValEmpty(cty.String)
		var els []cty.Value
		for _, p := range slices.Sorted(slices.Values(platforms)) {
			els = append(els, cty.StringVal(p))
		}
		if len(els) > 0 {
			v["platforms"] = cty.ListVal(els)
		}
	}
	return cty.ObjectVal(v)
}

// claim takes the records of the image's names.
func (im *Image) claim(e *evaluator, n *node) {
	for i, record := range append([]string{im.Name}, im.Tags...) {
		if record == "" {
			continue
		}
		at := im.AttrAt("name")
		if i > 0 {
			at = im.AttrAt("tags")
		} else if _, named := im.AttrsAt["name"]; !named && im.Pull != "" {
			at = im.AttrAt("pull")
		}
		holder := e.claim(record, im)
		if holder == nil {
			continue
		}
		first, hint := holder.Header(), ""
		if first.Addr.Block() == im.Addr.Block() {
			if n.bad {
				continue
			}
			hint = " Build the name from each.key or count.index."
		}
		e.fail(fault(at, "Duplicate image name", "%s names its image %s, and so does %s at %s. One name stands for one image.%s", im.Addr, record, first.Addr, lineOf(first.DeclAt), hint))
	}
}

// link finds the image blocks that the contexts of a build name. The containers have said by now which platforms they need.
func (im *Image) link(e *evaluator, i *instance, refs *references) {
	for _, name := range slices.Sorted(maps.Keys(i.contexts)) {
		if to := e.claimed[claim{KindImage, i.contexts[name]}]; to != nil {
			im.Build.Contexts[name] = BuildContext{Image: to.Header().Addr}
			refs.add(to.Header().Addr)
		}
	}
	if len(im.Platform) == 0 {
		im.Platform = []string{""}
	}
}

func (im *Image) keepLinks(was Resource) {
	before := was.(*Image)
	im.Platform = before.Platform
	if im.Build != nil && before.Build != nil {
		im.Build.Contexts = before.Build.Contexts // known since Load
	}
}
