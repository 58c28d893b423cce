package spec

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// addresses reads a list of references to blocks or instances, sorted. The resources link what they stand for. The path is that of the attribute in the
// table of kinds.
func (d *decoder) addresses(a *hcl.Attribute, path string) []Addr {
	if a == nil {
		return nil
	}
	exprs, diags := hcl.ExprList(a.Expr)
	if diags.HasErrors() {
		d.fail(fault(a.Expr.Range(), "Wrong type", "The attribute %s is a list of references, as in [container.db].", a.Name))
		return nil
	}
	seen := map[Addr]bool{}
	var out []Addr
	for _, x := range exprs {
		got, ok := d.address(a.Name, x, d.n.kind.orders[path])
		if ok && !seen[got] {
			seen[got] = true
			out = append(out, got)
		}
	}
	slices.SortFunc(out, Addr.Compare)
	return out
}

// address reads a reference to a block or an instance of one of the kinds.
func (d *decoder) address(attr string, x hcl.Expression, may []Kind) (Addr, bool) {
	t, index, ok := traversalOf(x)
	if !ok || len(t) < 2 || len(t) > 3 {
		d.fail(fault(x.Range(), "Bad reference", "An element of %s names a block or an instance without quotes, as container.db or container.db[\"a\"].", attr))
		return Addr{}, false
	}
	root := t.RootName()
	if !slices.Contains(may, Kind(root)) {
		if slices.Contains(roots(), root) {
			d.fail(fault(x.Range(), "Bad reference", "An element of %s names %s.", attr, oneOf(may)))
		}
		return Addr{}, false
	}
	a := Addr{Kind: Kind(root), Name: stepName(t, 1)}
	if len(t) == 3 {
		if i, ok := t[2].(hcl.TraverseIndex); ok {
			a.Key = keyOf(i.Key)
		}
		if a.Key == "" {
			d.fail(fault(x.Range(), "Bad reference", "An element of %s names a whole block or instance, not an attribute of it: leave .%s out.", attr, stepName(t, 2)))
			return Addr{}, false
		}
	}
	n := d.e.nodes[a.node()]
	if n == nil {
		return Addr{}, false // said by checkRefs
	}
	if index != nil {
		v, diags := index.Value(d.ctx)
		d.fail(diags...)
		if diags.HasErrors() {
			return Addr{}, false
		}
		if v.IsMarked() {
			d.fail(fault(index.Range(), "Sensitive value", "An index in %s may not be sensitive: the plan names the instance. Use nonsensitive() if it is none.", attr))
			return Addr{}, false
		}
		a.Key = keyOf(v)
	}
	if a.Block() == d.i.addr.Block() && (a.Key == "" || a.Key == d.i.addr.Key) {
		d.fail(fault(x.Range(), "Cycle", "%s refers to itself. Take this reference out.", d.i.addr))
		return Addr{}, false
	}
	return a, true
}

// traversalOf reads container.db, container.db["a"] and container.db[EXPR], whose index comes apart.
func traversalOf(x hcl.Expression) (hcl.Traversal, hclsyntax.Expression, bool) {
	if ix, ok := x.(*hclsyntax.IndexExpr); ok {
		t, diags := hcl.AbsTraversalForExpr(ix.Collection)
		return t, ix.Key, !diags.HasErrors() && len(t) == 2
	}
	t, diags := hcl.AbsTraversalForExpr(x)
	return t, nil, !diags.HasErrors()
}

// linkResources finds what the names in each resource stand for, and gives each the resources that it refers to. It goes from the last kind to the first:
// when an image is linked, all containers that need it have said so.
func (e *evaluator) linkResources() {
	e.claimed = map[claim]Resource{}
	for _, n := range e.source {
		for _, i := range n.instances {
			if i.resource != nil {
				e.cfg.Resources = append(e.cfg.Resources, i.resource)
				i.resource.claim(e, n)
			}
		}
	}
	for _, k := range slices.Backward(kinds) {
		for _, n := range e.source {
			if n.kind == k {
				e.linkInstances(n)
			}
		}
	}
}

func (e *evaluator) linkInstances(n *node) {
	ctx := e.context(n, nil)
	for _, i := range n.instances {
		if i.resource == nil {
			continue
		}
		ctx := ctx
		if i.vars != nil && n.hasIndexes() {
			ctx = ctx.NewChild()
			ctx.Variables = i.vars
		}
		refs := references{self: i.addr}
		e.addReferences(n, ctx, &refs, nil)
		i.resource.link(e, i, &refs)
		b := i.resource.Header()
		refs.add(e.expandAll(b.Lifecycle.ReplaceTriggeredBy)...)
		b.References = refs.list
	}
}

// claim is a name on the host of which there is one.
type claim struct {
	kind Kind
	name string
}

// claim takes a name for a resource. It gives the resource that has it already; nil where there is none.
func (e *evaluator) claim(name string, r Resource) Resource {
	c := claim{r.Header().Addr.Kind, name}
	if first := e.claimed[c]; first != nil {
		return first
	}
	e.claimed[c] = r
	return nil
}

func (n *node) hasIndexes() bool {
	return slices.ContainsFunc(n.refs, func(r *ref) bool { return r.index != nil })
}

// references collects the addresses that a resource refers to, each once.
type references struct {
	self Addr
	list []Addr
	seen map[Addr]bool
}

func (l *references) add(as ...Addr) {
	for _, a := range as {
		if a == l.self || l.seen[a] {
			continue
		}
		if l.seen == nil {
			l.seen = map[Addr]bool{}
		}
		l.seen[a] = true
		l.list = append(l.list, a)
	}
}

// putFirst adds an address before the others, if it is not among them.
func (l *references) putFirst(a Addr) {
	if !l.seen[a] {
		l.add(a)
		l.list = slices.Insert(l.list[:len(l.list)-1], 0, a)
	}
}

// addReferences adds the instances that a node's expressions name, through locals as well.
func (e *evaluator) addReferences(n *node, ctx *hcl.EvalContext, into *references, through map[*node]bool) {
	for _, r := range n.refs {
		to := e.nodes[r.to]
		if to == nil || r.wrong {
			continue
		}
		if to.local != nil {
			if !through[to] {
				if through == nil {
					through = map[*node]bool{}
				}
				through[to] = true
				e.addReferences(to, nil, into, through)
			}
			continue
		}
		if key, ok := r.key(ctx); ok && to.repeat != "" {
			if i := to.byKey[key]; i != nil { // else it is in a branch that isn't taken, or in try() or can()
				into.add(i.addr)
			}
			continue
		}
		for _, i := range to.instances {
			into.add(i.addr)
		}
	}
}

// key gives the index of a reference as an address has it, if it can be told.
func (r *ref) key(ctx *hcl.EvalContext) (string, bool) {
	if len(r.path) > 2 {
		if i, ok := r.path[2].(hcl.TraverseIndex); ok {
			return keyOf(i.Key), true
		}
		return keyOf(cty.StringVal(stepName(r.path, 2))), true
	}
	if r.index != nil && ctx != nil {
		if v, diags := r.index.Value(ctx); !diags.HasErrors() {
			k := keyOf(v)
			return k, k != ""
		}
	}
	return "", false
}

// expandAll turns blocks into their instances, sorted. What isn't there is left out: it has been said.
func (e *evaluator) expandAll(as []Addr) []Addr {
	var out []Addr
	for _, a := range as {
		n := e.nodes[a.node()]
		switch {
		case n == nil, a.Key != "" && n.byKey[a.Key] == nil:
		case a.Key == "" && n.repeat != "":
			for _, i := range n.instances {
				out = append(out, i.addr)
			}
		default:
			out = append(out, a)
		}
	}
	slices.SortFunc(out, Addr.Compare)
	return slices.Compact(out)
}
