package spec

import (
	"slices"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// ref is one place where an expression names something.
type ref struct {
	to    name // an empty label: the root alone, as each or path
	at    hcl.Range
	path  hcl.Traversal
	index hclsyntax.Expression // of image.x[EXPR], where EXPR is no literal
	wrong bool                 // leads nowhere, which has been said
}

// roots gives the first words of references.
func roots() []string {
	out := []string{"var", "local"}
	for _, k := range referable() {
		out = append(out, string(k))
	}
	return append(out, "each", "count", "stack", "path")
}

// futureRoots belong to blocks that come with later versions.
var futureRoots = []string{"network", "volume", "secret", "module"}

// collectRefs finds every node's references.
func (e *evaluator) collectRefs() {
	for _, n := range e.source {
		if n.local != nil {
			n.refs = findRefs(n.local.Expr, nil, nil)
			continue
		}
		if n.kind == nil {
			n.refs, _ = bodyRefs(n.block.Body, "", nil, nil)
			continue
		}
		n.refs, n.order = bodyRefs(n.block.Body, "", nil, n.kind.orders)
		_, each := n.block.Body.Attributes["for_each"]
		_, count := n.block.Body.Attributes["count"]
		switch {
		case !n.kind.schema.repeats:
		case each:
			n.repeat = "for_each"
		case count:
			n.repeat = "count"
		}
	}
}

// bodyRefs finds the references of a body, which is the nested block at a path, or the whole. Those of attributes that only say what comes first are
// kept apart.
func bodyRefs(body *hclsyntax.Body, path string, scope map[string]bool, orders map[string][]Kind) (refs, order []*ref) {
	for _, a := range inOrder(body.Attributes) {
		switch {
		case orders[joinPath(path, a.Name)] != nil:
			order = findRefs(a.Expr, scope, order)
		case a.Name == "ignore_changes":
		default:
			refs = findRefs(a.Expr, scope, refs)
		}
	}
	for _, b := range body.Blocks {
		if b.Type == "dynamic" && len(b.Labels) == 1 {
			refs = append(refs, dynamicRefs(b, scope)...)
			continue
		}
		r, o := bodyRefs(b.Body, joinPath(path, b.Type), scope, orders)
		refs, order = append(refs, r...), append(order, o...)
	}
	return refs, order
}

// dynamicRefs finds the references of a dynamic block, whose content has a name of its own in scope.
func dynamicRefs(b *hclsyntax.Block, scope map[string]bool) []*ref {
	iterator := b.Labels[0]
	if a := b.Body.Attributes["iterator"]; a != nil {
		if t, diags := hcl.AbsTraversalForExpr(a.Expr); !diags.HasErrors() {
			iterator = t.RootName()
		}
	}
	inner := map[string]bool{iterator: true}
	for k := range scope {
		inner[k] = true
	}
	var refs []*ref
	for _, a := range inOrder(b.Body.Attributes) {
		switch a.Name {
		case "iterator":
		case "labels": // one for each element, as the content
			refs = findRefs(a.Expr, inner, refs)
		default:
			refs = findRefs(a.Expr, scope, refs)
		}
	}
	for _, sub := range b.Body.Blocks {
		r, _ := bodyRefs(sub.Body, "", inner, nil)
		refs = append(refs, r...)
	}
	return refs
}

func findRefs(expr hclsyntax.Expression, scope map[string]bool, into []*ref) []*ref {
	indexes := map[hcl.Range]hclsyntax.Expression{}
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		if x, ok := n.(*hclsyntax.IndexExpr); ok {
			indexes[x.Collection.Range()] = x.Key
		}
		return nil
	})
	for _, t := range expr.Variables() {
		root := t.RootName()
		if scope[root] {
			continue
		}
		r := &ref{to: name{root: root}, at: t.SourceRange(), path: t}
		switch root {
		case "each", "count", "stack", "path":
		default:
			r.to.label = stepName(t, 1)
			if len(t) == 2 {
				r.index = indexes[t.SourceRange()]
			}
		}
		into = append(into, r)
	}
	return into
}

// stepName gives the name at a place of a traversal; "" if there is none.
func stepName(t hcl.Traversal, i int) string {
	if i >= len(t) {
		return ""
	}
	switch s := t[i].(type) {
	case hcl.TraverseAttr:
		return s.Name
	case hcl.TraverseIndex:
		if s.Key.Type() == cty.String && s.Key.IsKnown() && !s.Key.IsNull() {
			return s.Key.AsString()
		}
	}
	return ""
}

func (n *node) anyWrong() bool {
	for _, r := range n.refs {
		if r.wrong {
			return true
		}
	}
	return false
}

// wrongIn tells whether a reference within the range leads nowhere, so that evaluating would only say so again.
func (n *node) wrongIn(at hcl.Range) bool {
	for _, r := range n.refs {
		if r.wrong && r.at.Filename == at.Filename && r.at.Start.Byte >= at.Start.Byte && r.at.End.Byte <= at.End.Byte {
			return true
		}
	}
	return false
}

// labels gives the names that are declared under a root.
func (e *evaluator) labels(root string) []string {
	if root == "var" {
		return e.varOrder
	}
	var out []string
	for _, n := range e.source {
		if n.name.root == root {
			out = append(out, n.name.label)
		}
	}
	return out
}

// alreadySaid stands for what is wrong and needs no word, since its cause has been said.
var alreadySaid = &hcl.Diagnostic{}

// checkRefs says which of a node's references lead nowhere. Its dependencies have been evaluated.
func (e *evaluator) checkRefs(n *node) {
	for i, r := range slices.Concat(n.refs, n.order) {
		d := e.checkRef(n, r)
		if d == nil && i >= len(n.refs) {
			d = e.checkOrder(r)
		}
		r.wrong = r.wrong || d != nil
		if d != nil && d != alreadySaid {
			e.fail(d)
		}
	}
}

func (e *evaluator) checkRef(n *node, r *ref) *hcl.Diagnostic {
	root := r.to.root
	switch {
	case slices.Contains(futureRoots, root):
		return fault(r.at, "Block not yet there", "This version of fairlead has no %s blocks yet: they come with a later one.", root)
	case root == "each" && n.repeat != "for_each":
		return fault(r.at, "No for_each", "each.key and each.value are there only in a block with for_each, which this one doesn't have.")
	case root == "count" && n.repeat != "count":
		return fault(r.at, "No count", "count.index is there only in a block with count, which this one doesn't have.")
	case root == "each", root == "count", root == "stack", root == "path":
		return checkStep(r, map[string][]string{"each": {"key", "value"}, "count": {"index"}, "stack": {"name", "namespace"}, "path": {"module", "root", "cwd"}}[root], 1)
	case !slices.Contains(roots(), root):
		return fault(r.at, "Unknown reference", "Nothing is called %q: a reference begins with %s.%s%s", root, quotedList(roots(), "or"), DidYouMean(root, roots()), quoteHint(r))
	case r.to.label == "":
		return fault(r.at, "Incomplete reference", "%s alone stands for nothing: write %s.NAME.", root, root)
	case root == "var" && e.declared[r.to.label] == nil, root != "var" && e.nodes[r.to] == nil:
		kind := map[string]string{"var": "variable", "local": "local value"}[root]
		if kind == "" {
			kind = root + " block"
		}
		if e.incomplete {
			return alreadySaid // it may be declared in what could not be read
		}
		return fault(r.at, "Unknown reference", "No %s %q is declared.%s", kind, r.to.label, DidYouMean(r.to.label, e.labels(root)))
	case kindNamed(root) != nil:
		return e.checkInstance(r)
	}
	return nil
}

// quoteHint helps those who left out the quotes of a string.
func quoteHint(r *ref) string {
	if len(r.path) == 1 {
		return " A string is written in quotes: \"" + r.to.root + "\"."
	}
	return ""
}

func checkStep(r *ref, known []string, i int) *hcl.Diagnostic {
	got := stepName(r.path, i)
	if slices.Contains(known, got) {
		return nil
	}
	at := r.at
	if got == "" {
		return fault(at, "Incomplete reference", "%s alone stands for nothing: it has %s.", r.to.root, quotedList(known, "and"))
	}
	if s, ok := r.path[i].(hcl.TraverseAttr); ok {
		at = s.SrcRange
	}
	return fault(at, "Unknown reference", "There is no %q here: there are %s.%s", got, quotedList(known, "and"), DidYouMean(got, known))
}

// checkInstance checks the index and the attribute of a reference to a block.
func (e *evaluator) checkInstance(r *ref) *hcl.Diagnostic {
	n := e.nodes[r.to]
	known := n.kind.attributes
	if len(r.path) < 3 || n.unread || n.byKey == nil {
		return nil
	}
	idx, indexed := r.path[2].(hcl.TraverseIndex)
	quoted := indexed && idx.Key.Type() == cty.String && slices.Contains(known, stepName(r.path, 2)) // image.x["name"] is image.x.name
	switch {
	case n.repeat == "" && indexed && !quoted:
		return fault(idx.SrcRange, "No instances", "%s has neither for_each nor count, so it has no instances: leave the index out.", r.to)
	case n.repeat == "":
		return checkStep(r, known, 2)
	case !indexed && n.byKey[keyOf(cty.StringVal(stepName(r.path, 2)))] == nil:
		if _, splat := r.path[2].(hcl.TraverseAttr); !splat {
			return nil
		}
		return fault(r.at, "Which instance", "%s has %s, so it stands for many. Say which: %s%s.", r.to, n.repeat, r.to, n.sampleIndex())
	case indexed && len(r.path) > 3: // whether the instance is there is seen when the expression is evaluated: it may be in a branch that isn't taken
		return checkStep(r, known, 3)
	}
	return nil
}

// checkOrder checks a reference that is never evaluated: the instance must be there, unless the block has none.
func (e *evaluator) checkOrder(r *ref) *hcl.Diagnostic {
	n := e.nodes[r.to]
	if n == nil || len(n.instances) == 0 || len(r.path) < 3 {
		return nil
	}
	if idx, ok := r.path[2].(hcl.TraverseIndex); ok && n.byKey[keyOf(idx.Key)] == nil {
		return n.noInstance(idx.SrcRange, idx.Key)
	}
	return nil
}

func (n *node) noInstance(at hcl.Range, key cty.Value) *hcl.Diagnostic {
	return fault(at, "Unknown instance", "%s has no instance %s: %s", n.name, indexText(key), n.keyList())
}

// absentInstance names the block and its instances in what HCL says of an index that is not there; nil for any other diagnostic.
func (e *evaluator) absentInstance(d *hcl.Diagnostic) *hcl.Diagnostic {
	if d.Summary != "Invalid index" || d.Subject == nil {
		return nil
	}
	var block hcl.Traversal
	var key cty.Value
	switch x := d.Expression.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		if len(x.Traversal) < 3 {
			return nil
		}
		idx, ok := x.Traversal[2].(hcl.TraverseIndex)
		if !ok || idx.SrcRange != *d.Subject {
			return nil
		}
		block, key = x.Traversal[:2], idx.Key
	case *hclsyntax.IndexExpr:
		of, ok := x.Collection.(*hclsyntax.ScopeTraversalExpr)
		if !ok || len(of.Traversal) != 2 {
			return nil
		}
		block = of.Traversal
		key, _ = x.Key.Value(d.EvalContext)
	default:
		return nil
	}
	n := e.nodes[name{block.RootName(), stepName(block, 1)}]
	if n == nil || n.repeat == "" || key.IsMarked() || keyOf(key) == "" {
		return nil
	}
	return n.noInstance(*d.Subject, key)
}

func (n *node) sampleIndex() string {
	if len(n.instances) > 0 {
		return "[" + n.instances[0].addr.Key + "]"
	}
	if n.repeat == "count" {
		return "[0]"
	}
	return `["KEY"]`
}

func (n *node) keyList() string {
	if len(n.instances) == 0 {
		return n.repeat + " gives none."
	}
	s := "there are "
	if len(n.instances) == 1 {
		s = "there is "
	}
	for i, inst := range n.instances {
		if i == 8 {
			return s + ", and " + strconv.Itoa(len(n.instances)-i) + " more."
		}
		if i > 0 {
			s += ", "
		}
		s += "[" + inst.addr.Key + "]"
	}
	return s + "."
}

func indexText(v cty.Value) string {
	if k := keyOf(v); k != "" {
		return "[" + k + "]"
	}
	return "of that kind"
}

// keyOf gives an index as an address has it: a string with its quotes, or a number; "" for what is neither.
func keyOf(v cty.Value) string {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return ""
	}
	switch v.Type() {
	case cty.String:
		return strconv.Quote(v.AsString())
	case cty.Number:
		if s, err := convert.Convert(v, cty.String); err == nil {
			return s.AsString()
		}
	}
	return ""
}
