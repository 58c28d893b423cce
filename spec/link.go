package spec

import (
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// addresses reads a list of references to blocks or instances, sorted. What they stand for is found by link.
func (d *decoder) addresses(a *hcl.Attribute) []Addr {
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
		got, ok := d.address(a.Name, x)
		if ok && !seen[got] {
			seen[got] = true
			out = append(out, got)
		}
	}
	sort.Slice(out, func(i, j int) bool { return less(out[i], out[j]) })
	return out
}

func (d *decoder) address(attr string, x hcl.Expression) (Addr, bool) {
	t, index, ok := traversalOf(x)
	if !ok || len(t) < 2 || len(t) > 3 {
		d.fail(fault(x.Range(), "Bad reference", "An element of %s names a block or an instance without quotes, as container.db or container.db[\"a\"].", attr))
		return Addr{}, false
	}
	root := t.RootName()
	if root != string(KindImage) && root != string(KindContainer) || attr == "depends_on" && root != string(KindContainer) {
		what := "an image or a container"
		if attr == "depends_on" {
			what = "a container"
		}
		if contains(roots, root) {
			d.fail(fault(x.Range(), "Bad reference", "An element of %s names %s.", attr, what))
		}
		return Addr{}, false
	}
	a := Addr{Kind: Kind(root), Name: step(t, 1)}
	if len(t) == 3 {
		if i, ok := t[2].(hcl.TraverseIndex); ok {
			a.Key = keyOf(i.Key)
		}
		if a.Key == "" {
			d.fail(fault(x.Range(), "Bad reference", "An element of %s names a whole block or instance, not an attribute of it: leave .%s out.", attr, step(t, 2)))
			return Addr{}, false
		}
	}
	n := d.e.nodes[name{root, a.Name}]
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

// link finds what each container's image and each reference stand for, makes the implied images, and gives each block its needs.
func (e *evaluator) link() {
	e.records = map[string]*Image{}
	for _, n := range e.source {
		for _, i := range n.instances {
			if im, ok := i.resource.(*Image); ok {
				e.cfg.Images = append(e.cfg.Images, im)
				e.ownNames(n, im)
			}
		}
	}
	asked := map[*Image]map[string]bool{}
	for _, n := range e.source {
		ctx := e.context(n, nil)
		for _, i := range n.instances {
			e.linkOne(n, i, i.resource, ctx)
			if c, ok := i.resource.(*Container); ok {
				im := e.imageOf(i, c)
				if im == nil {
					continue
				}
				if asked[im] == nil {
					asked[im] = map[string]bool{}
				}
				asked[im][c.Platform] = true
			}
		}
	}
	for _, im := range e.cfg.Images {
		im.Platform = sortedKeys(asked[im])
		if len(im.Platform) == 0 {
			im.Platform = []string{""}
		}
	}
}

// ownNames says which image record each block owns, and which two want.
func (e *evaluator) ownNames(n *node, im *Image) {
	for i, rec := range append([]string{im.Name}, im.Tags...) {
		if rec == "" {
			continue
		}
		at := im.AttrAt("name")
		if i > 0 {
			at = im.AttrAt("tags")
		} else if _, named := im.AttrsAt["name"]; !named && im.Pull != "" {
			at = im.AttrAt("pull")
		}
		if first := e.records[rec]; first != nil {
			if first.Addr.Block() == im.Addr.Block() && n.bad {
				continue
			}
			hint := ""
			if first.Addr.Block() == im.Addr.Block() {
				hint = " Build the name from each.key or count.index."
			}
			e.fail(fault(at, "Duplicate image name", "%s names its image %s, and so does %s at %s. One name stands for one image.%s", im.Addr, rec, first.Addr, place(first.DeclAt), hint))
			continue
		}
		e.records[rec] = im
	}
}

// imageOf finds the image of a container, which may be one that only its string names.
func (e *evaluator) imageOf(i *instance, c *Container) *Image {
	link := i.image
	if link.name == "" {
		return nil
	}
	im := e.records[link.name]
	if im == nil {
		im = &Image{
			Block:   Block{Addr: Addr{Kind: KindImage, Name: link.name}, DeclAt: link.at},
			Implied: true, Name: link.name, Pull: link.name,
		}
		e.records[link.name] = im
		e.cfg.Images = append(e.cfg.Images, im)
	}
	c.Image = ImageRef{Addr: im.Addr, Name: link.name}
	c.Needs = prepend(im.Addr, c.Needs)
	return im
}

func prepend(a Addr, to []Addr) []Addr {
	for _, x := range to {
		if x == a {
			return to
		}
	}
	return append([]Addr{a}, to...)
}

// linkOne expands a resource's references to instances.
func (e *evaluator) linkOne(n *node, i *instance, r Resource, ctx *hcl.EvalContext) {
	var needs needList
	needs.self = i.addr
	if i.vars != nil && n.hasIndexes() {
		ctx = ctx.NewChild()
		ctx.Variables = i.vars
	}
	e.needs(n, ctx, &needs, nil)
	switch r := r.(type) {
	case *Image:
		r.Lifecycle.ReplaceTriggeredBy = e.expandAll(r.Lifecycle.ReplaceTriggeredBy, false)
		needs.add(r.Lifecycle.ReplaceTriggeredBy...)
		needs.add(e.linkContexts(i, r)...)
		r.Needs = needs.list
	case *Container:
		r.DependsOn = e.expandAll(r.DependsOn, true)
		needs.add(r.DependsOn...)
		needs.add(e.expandAll(r.Lifecycle.ReplaceTriggeredBy, true)...)
		r.Needs = needs.list
	}
}

func (n *node) hasIndexes() bool {
	for _, r := range n.refs {
		if r.index != nil {
			return true
		}
	}
	return false
}

// needList collects addresses, each once.
type needList struct {
	self Addr
	list []Addr
	seen map[Addr]bool
}

func (l *needList) add(as ...Addr) {
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

// needs adds the instances that a node's expressions name, through locals as well.
func (e *evaluator) needs(n *node, ctx *hcl.EvalContext, into *needList, through map[*node]bool) {
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
				e.needs(to, nil, into, through)
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
		return keyOf(cty.StringVal(step(r.path, 2))), true
	}
	if r.index != nil && ctx != nil {
		if v, diags := r.index.Value(ctx); !diags.HasErrors() {
			k := keyOf(v)
			return k, k != ""
		}
	}
	return "", false
}

// expandAll turns blocks into their instances. What isn't there is left out: it has been said.
func (e *evaluator) expandAll(as []Addr, instances bool) []Addr {
	var out []Addr
	seen := map[Addr]bool{}
	add := func(a Addr) {
		if !seen[a] {
			seen[a] = true
			out = append(out, a)
		}
	}
	for _, a := range as {
		n := e.nodes[name{string(a.Kind), a.Name}]
		switch {
		case n == nil, a.Key != "" && n.byKey[a.Key] == nil:
		case a.Key == "" && n.repeat != "" && instances:
			for _, i := range n.instances {
				add(i.addr)
			}
		default:
			add(a)
		}
	}
	sort.Slice(out, func(i, j int) bool { return less(out[i], out[j]) })
	return out
}

// checkNames says which two containers would have one name on the host.
func (e *evaluator) checkNames() {
	first := map[string]*Container{}
	for _, n := range e.source {
		for _, i := range n.instances {
			c, ok := i.resource.(*Container)
			if !ok || e.cfg.Stack.Name == "" {
				continue
			}
			if other := first[c.Name]; other != nil {
				e.fail(fault(c.DeclAt, "Duplicate container name", "%s and %s at %s would both be named %s on the host. Rename one of the blocks, or choose other keys.", c.Addr, other.Addr, place(other.DeclAt), c.Name))
				continue
			}
			first[c.Name] = c
		}
	}
}
