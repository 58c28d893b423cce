package spec

import (
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// What only the apply will tell is unknown in every expression: conditions, counts, comparisons and functions see it so. An attribute
// may carry it, though, whole or as a part of a text: its expression is evaluated again with a placeholder, once it is clear from its form
// that the placeholder can only come out as it went in. All else is refused.

// carryingFuncs has the functions that give their arguments' parts as they are, with the places of those arguments that decide something.
var carryingFuncs = map[string][]int{
	"coalesce": nil, "concat": nil, "flatten": nil, "join": nil, "jsonencode": nil, "merge": nil, "nonsensitive": nil, "one": nil, "reverse": nil,
	"sensitive": nil, "tolist": nil, "tomap": nil, "tostring": nil, "values": nil,
	"element": {1}, "lookup": {1}, "slice": {1, 2}, "zipmap": {0}, "format": {0}, "formatlist": {0},
}

// cutsText finds the verb of a format that takes only a part of its argument.
var cutsText = regexp.MustCompile(`%[^a-zA-Z%]*\.`)

// carrier looks at the form of expressions.
type carrier struct {
	e *evaluator
	s *reevaluation // with what only the apply will tell unknown
	n *node
	i *instance
	// seen has the locals that have been looked at; the culprit in each, if there is one.
	seen map[*node]hclsyntax.Expression
}

// carried evaluates an attribute that depends on what only the apply will tell with placeholders in its place; false, and said, where
// it would make something else of them.
func (d *decoder) carried(a *hcl.Attribute) (cty.Value, bool) {
	expr, ok := hcl.UnwrapExpressionUntil(a.Expr, func(x hcl.Expression) bool { _, ok := x.(hclsyntax.Expression); return ok }).(hclsyntax.Expression)
	c := &carrier{e: d.e, s: d.reevaluation, n: d.n, i: d.i, seen: map[*node]hclsyntax.Expression{}}
	switch {
	case !ok || !slices.Contains(d.in.carries, a.Name):
		d.refuse(a, c, expr, "must be known while planning")
		return cty.NilVal, false
	case d.placeholders == nil:
		d.refuse(a, c, expr, "must be known here")
		return cty.NilVal, false
	}
	if culprit := c.culprit(expr, c.scope(expr, d.ctx)); culprit != nil {
		d.refuse(a, c, culprit, "")
		return cty.NilVal, false
	}
	refused := d.e.reads.refused
	v, diags := a.Expr.Value(d.placeholders)
	d.e.reads.refused = refused // the path had a placeholder in it
	if diags.HasErrors() || !v.IsWhollyKnown() {
		d.refuse(a, c, expr, "can carry a digest and an ID, and nothing else of the kind")
		return cty.NilVal, false
	}
	return v, true
}

// refuse says which expression of an attribute needs what only the apply will tell.
func (d *decoder) refuse(a *hcl.Attribute, c *carrier, culprit hclsyntax.Expression, must string) {
	if d.n.bad {
		return
	}
	at := a.Expr.Range()
	what := "something"
	if culprit != nil {
		at = culprit.Range()
		if names := c.unknownNames(culprit, c.scope(culprit, d.ctx)); len(names) > 0 {
			what = strings.Join(names, " and ")
		}
	}
	attr := d.pathAt(a, at)
	if must != "" {
		d.fail(fault(at, "Not known while planning", "%s: %s needs %s, which only the apply will tell, and %s %s. Take the reference out, or apply what it refers to first, with --target.",
			d.i.addr, attr, what, a.Name, must))
		return
	}
	d.fail(fault(at, "Not known while planning", "%s: %s needs %s, which only the apply will tell, and %s makes something else of it. Use it as it is, whole or inside a text; or take the reference out, or apply what it refers to first, with --target.",
		d.i.addr, attr, what, d.e.sourceOf(at)))
}

// pathAt is the path of an attribute, or of the element of it that is written at a place.
func (d *decoder) pathAt(a *hcl.Attribute, at hcl.Range) string {
	path := joinPath(d.part, a.Name)
	for element, r := range d.block.AttrsAt {
		if strings.HasPrefix(element, path+"[") && r.ContainsPos(at.Start) {
			return element
		}
	}
	return path
}

// sourceOf gives an expression as it is written, in one line.
func (e *evaluator) sourceOf(at hcl.Range) string {
	f := e.cfg.Files[at.Filename]
	if f == nil || !at.CanSliceBytes(f.Bytes) {
		return "this expression"
	}
	text := strings.Join(strings.Fields(string(at.SliceBytes(f.Bytes))), " ")
	if r := []rune(text); len(r) > 60 {
		text = string(r[:60]) + "…"
	}
	return text
}

// scope gives a context in which each name of an expression has a value: those of dynamic blocks, which it lacks, are unknown.
func (c *carrier) scope(expr hclsyntax.Expression, ctx *hcl.EvalContext) *hcl.EvalContext {
	if expr == nil {
		return ctx
	}
	var missing map[string]cty.Value
	for _, t := range expr.Variables() {
		if root := t.RootName(); !isDefinedIn(root, ctx) {
			if missing == nil {
				missing = map[string]cty.Value{}
			}
			missing[root] = cty.DynamicVal
		}
	}
	if missing == nil {
		return ctx
	}
	ctx = ctx.NewChild()
	ctx.Variables = missing
	return ctx
}

func isDefinedIn(root string, ctx *hcl.EvalContext) bool {
	for ; ctx != nil; ctx = ctx.Parent() {
		if _, ok := ctx.Variables[root]; ok {
			return true
		}
	}
	return false
}

// isKnownIn tells whether an expression has the same value whatever the apply tells.
func isKnownIn(x hclsyntax.Expression, ctx *hcl.EvalContext) bool {
	v, diags := x.Value(ctx)
	return !diags.HasErrors() && v.IsWhollyKnown()
}

// culprit gives the part of an expression that would make something else of a placeholder than carry it; nil where there is none.
func (c *carrier) culprit(x hclsyntax.Expression, ctx *hcl.EvalContext) hclsyntax.Expression {
	if isKnownIn(x, ctx) {
		return nil
	}
	all := func(xs ...hclsyntax.Expression) hclsyntax.Expression {
		for _, sub := range xs {
			if bad := c.culprit(sub, ctx); bad != nil {
				return bad
			}
		}
		return nil
	}
	switch x := unmetered(x).(type) {
	case *hclsyntax.ScopeTraversalExpr:
		return c.reference(x)
	case *hclsyntax.TemplateExpr:
		return all(x.Parts...)
	case *hclsyntax.TemplateWrapExpr:
		return all(x.Wrapped)
	case *hclsyntax.TemplateJoinExpr:
		return all(x.Tuple)
	case *hclsyntax.ParenthesesExpr:
		return all(x.Expression)
	case *hclsyntax.TupleConsExpr:
		return all(x.Exprs...)
	case *hclsyntax.ObjectConsExpr:
		for _, item := range x.Items {
			if !isKnownIn(item.KeyExpr, ctx) {
				return item.KeyExpr
			}
			if bad := c.culprit(item.ValueExpr, ctx); bad != nil {
				return bad
			}
		}
		return nil
	case *hclsyntax.ConditionalExpr:
		v, diags := x.Condition.Value(ctx)
		if v, _ = v.Unmark(); diags.HasErrors() || !v.IsKnown() || v.IsNull() || v.Type() != cty.Bool {
			return x.Condition
		}
		if v.True() {
			return all(x.TrueResult)
		}
		return all(x.FalseResult)
	case *hclsyntax.IndexExpr:
		if !isKnownIn(x.Key, ctx) {
			return x.Key
		}
		return all(x.Collection)
	case *hclsyntax.RelativeTraversalExpr:
		return all(x.Source)
	case *hclsyntax.SplatExpr:
		if !onlySelects(x.Each) {
			return x
		}
		return all(x.Source)
	case *hclsyntax.FunctionCallExpr:
		return c.call(x, ctx)
	case *hclsyntax.ForExpr:
		return c.loop(x, ctx)
	}
	return x
}

// onlySelects tells whether what a splat does with each element is to take a part of it.
func onlySelects(x hclsyntax.Expression) bool {
	switch x := unmetered(x).(type) {
	case *hclsyntax.AnonSymbolExpr:
		return true
	case *hclsyntax.RelativeTraversalExpr:
		return onlySelects(x.Source)
	}
	return false
}

// reference looks at what a name stands for. A placeholder itself is carried; a local and what an instance stands for must carry it.
func (c *carrier) reference(x *hclsyntax.ScopeTraversalExpr) hclsyntax.Expression {
	root := x.Traversal.RootName()
	switch {
	case root == "each" && c.n.repeat == "for_each":
		each := c.n.block.Body.Attributes["for_each"].Expr
		return c.culprit(each, c.e.context(c.n, c.s))
	case root == "local":
		n := c.e.nodes[name{root, stepName(x.Traversal, 1)}]
		if n == nil || n.local == nil {
			return x
		}
		bad, done := c.seen[n]
		if !done {
			c.seen[n] = nil // a cycle has been said
			bad = c.culprit(n.local.Expr, c.e.context(n, c.s))
			c.seen[n] = bad
		}
		return bad
	}
	return nil
}

func (c *carrier) call(x *hclsyntax.FunctionCallExpr, ctx *hcl.EvalContext) hclsyntax.Expression {
	if x.Name == "try" && len(x.Args) > 0 { // a reference that is there is what it gives
		if _, diags := x.Args[0].Value(ctx); diags.HasErrors() {
			return x
		}
		return c.culprit(x.Args[0], ctx)
	}
	decides, ok := carryingFuncs[x.Name]
	if !ok || x.ExpandFinal && len(decides) > 0 {
		return x
	}
	for i, arg := range x.Args {
		if slices.Contains(decides, i) {
			if !isKnownIn(arg, ctx) {
				return x
			}
			continue
		}
		if bad := c.culprit(arg, ctx); bad != nil {
			return bad
		}
	}
	if strings.HasPrefix(x.Name, "format") && len(x.Args) > 0 {
		if v, _ := x.Args[0].Value(ctx); v.IsMarked() || v.Type() != cty.String || v.IsNull() || cutsText.MatchString(v.AsString()) {
			return x
		}
	}
	return nil
}

// loop looks at what a "for" does with each element. What it goes through, its keys and what it leaves out must be known.
func (c *carrier) loop(x *hclsyntax.ForExpr, ctx *hcl.EvalContext) hclsyntax.Expression {
	if bad := c.culprit(x.CollExpr, ctx); bad != nil {
		return bad
	}
	coll, diags := x.CollExpr.Value(ctx)
	coll, _ = coll.Unmark()
	if diags.HasErrors() || !coll.IsKnown() || coll.IsNull() || !coll.CanIterateElements() || coll.Type().IsSetType() && !coll.IsWhollyKnown() {
		return x.CollExpr
	}
	for it := coll.ElementIterator(); it.Next(); {
		k, v := it.Element()
		inner := ctx.NewChild()
		inner.Variables = map[string]cty.Value{x.ValVar: v}
		if x.KeyVar != "" {
			inner.Variables[x.KeyVar] = k
		}
		for _, decides := range []hclsyntax.Expression{x.KeyExpr, x.CondExpr} {
			if decides != nil && !isKnownIn(decides, inner) {
				return decides
			}
		}
		if bad := c.culprit(x.ValExpr, inner); bad != nil {
			return bad
		}
	}
	return nil
}

// unknownNames gives what an expression refers to that only the apply will tell, through locals as well.
func (c *carrier) unknownNames(x hclsyntax.Expression, ctx *hcl.EvalContext) []string {
	var out []string
	seen := map[*node]bool{}
	var visit func(x hclsyntax.Expression, ctx *hcl.EvalContext)
	visit = func(x hclsyntax.Expression, ctx *hcl.EvalContext) {
		for _, t := range x.Variables() {
			v, diags := t.TraverseAbs(ctx)
			if !diags.HasErrors() && v.IsWhollyKnown() {
				continue
			}
			switch root := t.RootName(); {
			case kindNamed(root) != nil:
				if name := c.e.sourceOf(t.SourceRange()); !slices.Contains(out, name) {
					out = append(out, name)
				}
			case root == "each" && c.n.repeat == "for_each":
				visit(c.n.block.Body.Attributes["for_each"].Expr, c.e.context(c.n, c.s))
			case root == "local":
				if n := c.e.nodes[name{root, stepName(t, 1)}]; n != nil && n.local != nil && !seen[n] {
					seen[n] = true
					visit(n.local.Expr, c.e.context(n, c.s))
				}
			}
		}
	}
	visit(x, ctx)
	return out
}
