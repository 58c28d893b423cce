package spec

import (
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/dynblock"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// decoder reads one instance of a block: each attribute into Go, what must not be shown or is not known yet into marks, and
// what is wrong into diagnostics.
type decoder struct {
	e     *evaluator
	n     *node
	i     *instance
	ctx   *hcl.EvalContext
	block *Block
	part  string  // the nested block that is read, if its attributes have rules of their own; "" while it is the block itself
	in    *schema // of what is read
	diags hcl.Diagnostics

	reevaluation *reevaluation    // what the host has told by now; nil while the files are read
	placeholders *hcl.EvalContext // ctx with a placeholder for each value that only the apply will tell; nil: nothing stands for one
}

func (e *evaluator) decoder(n *node, i *instance, ctx *hcl.EvalContext) *decoder {
	if i.vars != nil {
		ctx = ctx.NewChild()
		ctx.Variables = i.vars
	}
	return &decoder{e: e, n: n, i: i, ctx: ctx}
}

func (d *decoder) fail(ds ...*hcl.Diagnostic) { d.diags = append(d.diags, d.e.explained(ds)...) }

// resource reads the instance.
func (d *decoder) resource() Resource {
	if d.n.attrsAt == nil {
		d.n.attrsAt = ranges(d.n.block.Body)
	}
	k := d.n.kind
	r := k.empty(Block{Addr: d.i.addr, DeclAt: d.n.block.DefRange(), AttrsAt: d.n.attrsAt})
	d.block, d.in = r.Header(), k.schema
	content := d.content()
	r.decode(d, content)
	d.block.Lifecycle = d.lifecycle(content.Blocks)
	return r
}

// standalone begins to read a block that nothing refers to, with its references checked.
func (e *evaluator) standalone(b *hclsyntax.Block, s *schema) *decoder {
	n := &node{at: b.DefRange(), block: b}
	n.refs, _ = bodyRefs(b.Body, "", nil, nil)
	for _, r := range n.refs {
		n.bad = n.bad || e.isBad(r)
	}
	e.checkRefs(n)
	d := e.decoder(n, &instance{}, e.context(n, nil))
	d.block, d.in = &Block{}, s
	return d
}

// enter begins a nested block whose attributes have rules of their own. What it gives ends that.
func (d *decoder) enter(part string, s *schema) (leave func()) {
	outerPart, outer := d.part, d.in
	d.part, d.in = part, s
	return func() { d.part, d.in = outerPart, outer }
}

// ranges finds where each attribute of a block is set, each nested block and what is in it (build.args), and each element of a map
// that is written out.
func ranges(body *hclsyntax.Body) map[string]hcl.Range {
	at := map[string]hcl.Range{}
	for name, a := range body.Attributes {
		at[name] = a.Expr.Range()
		if o, ok := a.Expr.(*hclsyntax.ObjectConsExpr); ok {
			for _, item := range o.Items {
				if k, diags := item.KeyExpr.Value(nil); !diags.HasErrors() && keyOf(k) != "" && k.Type() == cty.String {
					at[element(name, k.AsString())] = hcl.RangeBetween(item.KeyExpr.Range(), item.ValueExpr.Range())
				}
			}
		}
	}
	for _, b := range body.Blocks {
		name := b.Type
		if name == "dynamic" && len(b.Labels) == 1 {
			name = b.Labels[0]
		}
		if _, there := at[name]; there {
			continue
		}
		at[name] = b.DefRange()
		for inside, r := range ranges(b.Body) {
			at[joinPath(name, inside)] = r
		}
	}
	return at
}

// element is the path of one element of a map attribute, as a plan prints it.
func element(attr, key string) string { return attr + "[" + strconv.Quote(key) + "]" }

// joinPath is the path of an attribute in a nested block.
func joinPath(part, attr string) string {
	if part == "" {
		return attr
	}
	return part + "." + attr
}

// elementAt is where one element of a map attribute is written; the whole attribute where it isn't written out.
func (d *decoder) elementAt(a *hcl.Attribute, key string) hcl.Range {
	if r, ok := d.block.AttrsAt[joinPath(d.part, element(a.Name, key))]; ok {
		return r
	}
	return a.Expr.Range()
}

// content splits the block's body by its schema, with its dynamic blocks written out.
func (d *decoder) content() *hcl.BodyContent {
	var body hcl.Body = d.n.block.Body
	if hasDynamic(d.n.block.Body) {
		body = dynblock.Expand(body, d.ctx, dynblock.OptCheckForEach(d.checkDynamic))
	}
	return d.split(body, d.in)
}

func hasDynamic(body *hclsyntax.Body) bool {
	return slices.ContainsFunc(body.Blocks, func(b *hclsyntax.Block) bool { return b.Type == "dynamic" || hasDynamic(b.Body) })
}

func (d *decoder) split(body hcl.Body, s *schema) *hcl.BodyContent {
	d.e.budget.take(stepsPerBlock, body.MissingItemRange())
	content, diags := s.content(body)
	d.fail(diags...)
	return content
}

func (d *decoder) checkDynamic(v cty.Value, expr hcl.Expression, _ *hcl.EvalContext) hcl.Diagnostics {
	switch {
	case v.IsMarked():
		return hcl.Diagnostics{fault(expr.Range(), "Sensitive value", "for_each of a dynamic block may not be sensitive.")}
	case !v.IsKnown() && !d.n.bad:
		return hcl.Diagnostics{fault(expr.Range(), "Value not known yet", "for_each of a dynamic block must be known while planning, and this is known only after apply.")}
	}
	return nil
}

// value evaluates an attribute into a type; false if it is unset, not known yet or wrong. The value has no marks.
func (d *decoder) value(attrs hcl.Attributes, attr string, ty cty.Type) (cty.Value, hcl.Range, bool) {
	a := attrs[attr]
	if a == nil {
		return cty.NilVal, hcl.Range{}, false
	}
	v, ok := d.evalWhole(a)
	if !ok {
		return cty.NilVal, a.Expr.Range(), false
	}
	out, err := convert.Convert(v, ty)
	if err != nil {
		d.fail(d.wrongType(a, v, ty, err))
		return cty.NilVal, a.Expr.Range(), false
	}
	if !out.IsWhollyKnown() && (!slices.Contains(d.in.byElement, attr) || d.block.Marks.Sensitive[attr]) {
		d.unknown(a)
		return cty.NilVal, a.Expr.Range(), false
	}
	return out, a.Expr.Range(), true
}

// evalWhole is eval for an attribute of which all must be known, or be carried, once the host has been read.
func (d *decoder) evalWhole(a *hcl.Attribute) (cty.Value, bool) {
	if d.reevaluation != nil && !d.n.wrongIn(a.Expr.Range()) {
		if v, diags := a.Expr.Value(d.ctx); !diags.HasErrors() && !v.IsWhollyKnown() {
			v, ok := d.carried(a)
			if !ok {
				return cty.NilVal, false
			}
			return d.unmarked(a, v)
		}
	}
	return d.eval(a)
}

// eval evaluates an attribute, and refuses what may not be sensitive; false if there is nothing to read.
func (d *decoder) eval(a *hcl.Attribute) (cty.Value, bool) {
	if d.n.wrongIn(a.Expr.Range()) {
		return cty.NilVal, false
	}
	d.e.budget.at = a.Expr.Range()
	v, diags := a.Expr.Value(d.ctx)
	d.fail(diags...)
	if diags.HasErrors() {
		return cty.NilVal, false
	}
	m := d.e.budget.measure(v)
	d.e.budget.take(1+m.elements, a.Expr.Range()) // each is checked and kept, by each instance
	if m.over != "" {
		d.fail(exceeded(a.Expr.Range(), m.over))
		return cty.NilVal, false
	}
	return d.unmarked(a, v)
}

// unmarked takes the marks from an attribute's value, and refuses what may not be sensitive.
func (d *decoder) unmarked(a *hcl.Attribute, v cty.Value) (cty.Value, bool) {
	v, marks := v.UnmarkDeepWithPaths()
	if len(marks) > 0 && !d.sensitive(a, marks) {
		return cty.NilVal, false // nothing more is said of it, so nothing quotes it
	}
	if !v.IsKnown() {
		d.unknown(a)
		return cty.NilVal, false
	}
	return v, !v.IsNull()
}

// sensitive marks what of an attribute must not be shown; false, and said, where the attribute may not be sensitive.
func (d *decoder) sensitive(a *hcl.Attribute, marks []cty.PathValueMarks) bool {
	if !slices.Contains(d.in.sensitive, a.Name) {
		for _, m := range marks {
			at := a.Expr.Range()
			if len(m.Path) > 0 {
				at = d.elementAt(a, stepKey(m.Path[0]))
			}
			d.fail(fault(at, "Sensitive value", "The attribute %s may not be sensitive: %s", a.Name, d.in.exposed))
		}
		return false
	}
	for _, m := range marks {
		path := a.Name // as a whole, its keys too
		if len(m.Path) > 0 {
			path = element(a.Name, stepKey(m.Path[0]))
		}
		d.markSensitive(path)
	}
	return true
}

// isSensitive tells whether an attribute or an element of it is marked so.
func (d *decoder) isSensitive(attr string) bool {
	for path := range d.block.Marks.Sensitive {
		if path == attr || strings.HasPrefix(path, attr+"[") {
			return true
		}
	}
	return false
}

func (d *decoder) markSensitive(path string) {
	if d.block.Marks.Sensitive == nil {
		d.block.Marks.Sensitive = map[string]bool{}
	}
	d.block.Marks.Sensitive[path] = true
}

func stepKey(s cty.PathStep) string {
	switch s := s.(type) {
	case cty.GetAttrStep:
		return s.Name
	case cty.IndexStep:
		if s.Key.Type() == cty.String && s.Key.IsKnown() && !s.Key.IsNull() {
			return s.Key.AsString()
		}
	}
	return ""
}

// unknown marks an attribute as one that only apply can tell. One of a nested block that must be known is said.
func (d *decoder) unknown(a *hcl.Attribute) {
	if d.part != "" && !slices.Contains(d.in.carries, a.Name) {
		d.notKnown(a.Name, a.Expr.Range())
		return
	}
	d.unknownPath(a.Name)
}

// mustKnow says that an attribute may not be one that only apply can tell.
func (d *decoder) mustKnow(attrs hcl.Attributes, attr string) {
	if d.block.Marks.Unknown[attr] {
		d.notKnown(attr, attrs[attr].Expr.Range())
	}
}

func (d *decoder) notKnown(attr string, at hcl.Range) {
	if !d.n.bad {
		d.fail(fault(at, "Value not known yet", "The attribute %s must be known while planning, and this is known only after apply. Build it from variables and local values.", attr))
	}
}

// unknownPath marks what only apply can tell: an attribute, an element of one, or a nested block of which anything is unknown.
func (d *decoder) unknownPath(path string) {
	if d.part != "" {
		path = d.part
	}
	if d.block.Marks.Unknown == nil {
		d.block.Marks.Unknown = map[string]bool{}
	}
	d.block.Marks.Unknown[path] = true
}
