package spec

import (
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

var (
	mountSchema     = newSchema(append(required("target"), optional("bind", "read_only", "propagation")...), map[string]*schema{"tmpfs": tmpfsSchema})
	tmpfsSchema     = newSchema(optional("size", "mode"), nil)
	updateSchema    = newSchema(optional("strategy", "within", "rollback"), nil)
	lifecycleSchema = newSchema(optional("prevent_destroy", "ignore_changes", "replace_triggered_by"), map[string]*schema{"precondition": conditionSchema})
)

var propagations = []string{"rprivate", "private", "rshared", "shared", "rslave", "slave"}

// mounts reads the mount blocks, sorted by target.
func (d *decoder) mounts(blocks hcl.Blocks) []Mount {
	var out []Mount
	seen := map[string]hcl.Range{}
	for _, b := range blocks.OfType("mount") {
		m, at, ok := d.mount(b)
		if !ok {
			continue
		}
		if first, twice := seen[m.Target]; twice {
			d.fail(fault(at, "Duplicate target", "Something is mounted at %s already, at %s. Each target is used once.", m.Target, place(first)))
			continue
		}
		seen[m.Target] = at
		out = append(out, m)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Target < out[j].Target })
	return out
}

func (d *decoder) mount(b *hcl.Block) (Mount, hcl.Range, bool) {
	content := d.split(b.Body, mountSchema)
	attrs := content.Attributes
	before := len(d.diags)
	var m Mount
	m.Target = d.absolute(attrs, "target")
	at_ := b.DefRange
	if a := attrs["target"]; a != nil {
		at_ = a.Expr.Range()
	}
	if m.Target == "/" {
		d.fail(fault(at_, "Bad target", "Nothing can be mounted over the container's root."))
	}
	m.ReadOnly = d.flag(attrs, "read_only", false)
	m.Propagation, _ = d.word(attrs, "propagation", "", propagations...)
	if m.Propagation == "rprivate" {
		m.Propagation = ""
	}
	tmpfs := content.Blocks.OfType("tmpfs")
	bind := attrs["bind"]
	switch {
	case bind == nil && len(tmpfs) == 0:
		d.fail(fault(b.DefRange, "No source", "A mount has bind = \"PATH\", a file or a directory of the host, or a block tmpfs {}."))
	case bind != nil && len(tmpfs) > 0:
		d.fail(fault(tmpfs[0].DefRange, "Two sources", "A mount is a bind or a tmpfs, not both. Take one out."))
	case len(tmpfs) > 1:
		d.fail(fault(tmpfs[1].DefRange, "Two sources", "A mount has one tmpfs block. Take the others out."))
	case bind != nil:
		m.Bind = d.hostPath(attrs, "bind", "a file or a directory of the host")
	default:
		m.Tmpfs = d.tmpfs(tmpfs[0])
		if a := attrs["propagation"]; a != nil {
			d.fail(fault(a.NameRange, "Contradiction", "Only a bind mount has a propagation. Take it out."))
		}
	}
	unknown := false
	for _, part := range []string{"target", "bind", "read_only", "propagation", "size", "mode"} {
		unknown = unknown || d.block.Marks.Unknown[part]
		delete(d.block.Marks.Unknown, part)
	}
	if unknown {
		d.unknownPath("mount")
		return m, at_, false
	}
	return m, at_, len(d.diags) == before && m.Target != ""
}

func (d *decoder) tmpfs(b *hcl.Block) *Tmpfs {
	content := d.split(b.Body, tmpfsSchema)
	t := &Tmpfs{Size: d.size(content.Attributes, "size", "the kernel's default, half of the memory")}
	t.Mode, _, _ = parsed(d, content.Attributes, "mode", "Bad mode", ParseMode)
	if t.Mode == "1777" {
		t.Mode = ""
	}
	return t
}

// size reads a number of bytes that is not zero; 0 where it is unset, which means what otherwise says.
func (d *decoder) size(attrs hcl.Attributes, attr, otherwise string) int64 {
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
		d.fail(fault(at, "Bad size", "%s", sentence(err.Error())))
	case size <= 0:
		d.fail(fault(at, "Bad size", "A size is more than zero; leave it out for %s.", otherwise))
	}
	return size
}

// single gives the one block of a type, and says that there are more.
func (d *decoder) single(blocks hcl.Blocks, kind string) *hcl.Block {
	found := blocks.OfType(kind)
	if len(found) == 0 {
		return nil
	}
	for _, b := range found[1:] {
		d.fail(fault(b.DefRange, "Duplicate block", "A block has one %s block, and there is one at %s already. Put the two together.", kind, place(found[0].DefRange)))
	}
	return found[0]
}

func (d *decoder) update(blocks hcl.Blocks) Update {
	u := Update{Strategy: StopFirst, Within: DefaultWithin, Rollback: true}
	b := d.single(blocks, "update")
	if b == nil {
		return u
	}
	content := d.split(b.Body, updateSchema)
	u.Strategy, _ = d.word(content.Attributes, "strategy", StopFirst, StopFirst, StartFirst)
	u.Within = d.duration(content.Attributes, "within", DefaultWithin)
	u.Rollback = d.flag(content.Attributes, "rollback", true)
	return u
}

func (d *decoder) lifecycle(blocks hcl.Blocks, into *Lifecycle, of *schema) {
	b := d.single(blocks, "lifecycle")
	if b == nil {
		return
	}
	content := d.split(b.Body, lifecycleSchema)
	into.PreventDestroy = d.flag(content.Attributes, "prevent_destroy", false)
	if of == imageSchema {
		for _, name := range []string{"ignore_changes", "replace_triggered_by"} {
			if a := content.Attributes[name]; a != nil {
				d.fail(fault(a.NameRange, "Not for images", "Only a container has %s: an image is its content. Take it out.", name))
			}
		}
	}
	into.IgnoreChanges = d.ignoreChanges(content.Attributes["ignore_changes"], of)
	into.ReplaceTriggeredBy = d.addresses(content.Attributes["replace_triggered_by"])
	for _, p := range content.Blocks {
		d.precondition(p)
	}
}

func (d *decoder) precondition(p *hcl.Block) {
	pc, diags := p.Body.Content(conditionSchema.BodySchema)
	d.fail(diags...)
	if diags.HasErrors() || d.n.wrongIn(pc.Attributes["condition"].Range) || d.n.wrongIn(pc.Attributes["error_message"].Range) {
		return
	}
	if v, ds := pc.Attributes["condition"].Expr.Value(d.ctx); !ds.HasErrors() && !v.IsKnown() {
		if d.reevaluation != nil {
			d.refusePrecondition(pc.Attributes["condition"])
			return
		}
		d.unknownPath("lifecycle")
	}
	ok, message, ds := condition(pc, d.ctx)
	d.fail(ds...)
	if !ok && !ds.HasErrors() {
		d.fail(fault(pc.Attributes["condition"].Expr.Range(), "Precondition not met", "%s: %s", d.i.addr, sentence(message)))
	}
}

// refusePrecondition says that a precondition is judged while planning or not at all.
func (d *decoder) refusePrecondition(a *hcl.Attribute) {
	x, _ := a.Expr.(hclsyntax.Expression)
	d.refuse(a, &carrier{e: d.e, s: d.reevaluation, n: d.n, i: d.i}, x, "is judged while planning")
}

// ignoreChanges reads a list of attribute names without quotes, or all.
func (d *decoder) ignoreChanges(a *hcl.Attribute, of *schema) []string {
	if a == nil {
		return nil
	}
	if hcl.ExprAsKeyword(a.Expr) == "all" {
		return []string{"all"}
	}
	exprs, diags := hcl.ExprList(a.Expr)
	if diags.HasErrors() {
		d.fail(fault(a.Expr.Range(), "Wrong type", "The attribute ignore_changes is a list of attribute names without quotes, as in [labels, env], or all."))
		return nil
	}
	known := of.names()
	seen := map[string]bool{}
	var out []string
	for _, x := range exprs {
		word := hcl.ExprAsKeyword(x)
		switch {
		case word == "":
			d.fail(fault(x.Range(), "Bad attribute name", "ignore_changes names whole attributes without quotes, as in [labels, env]."))
		case !contains(known, word):
			d.fail(fault(x.Range(), "Unknown attribute", "There is no attribute %q to ignore.%s", word, didYouMean(word, known)))
		case !seen[word]:
			seen[word] = true
			out = append(out, word)
		}
	}
	sort.Strings(out)
	return out
}
