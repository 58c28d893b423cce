package spec

import (
	"os"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// evaluator is a directory under evaluation. It outlives Load: what refers to values that only the host knows is evaluated again.
type evaluator struct {
	dir        string
	in         Inputs
	cfg        *Config
	budget     *budget
	reads      *reads
	lock       Lock
	diags      hcl.Diagnostics
	instances  int         // of all blocks with for_each or count
	unparsed   []hcl.Range // where parsing failed
	incomplete bool        // a file could not be parsed whole: what seems to be missing may be in it

	stacks     []*hclsyntax.Block
	registries []*hclsyntax.Block
	imports    []*hclsyntax.Block
	declared   map[string]*variable
	varOrder   []string
	nodes      map[name]*node // locals, outputs, and the blocks of all kinds
	source     []*node        // in source order
	sorted     []*node        // each after all that it refers to

	root    *hcl.EvalContext   // functions, path and stack; the parent of every other context
	claimed map[claim]Resource // what has a name on the host that is there once
}

// name is a block or a local as expressions name it.
type name struct{ root, label string }

func (n name) String() string { return n.root + "." + n.label }

// node is a local, an output, or the block of a resource with its instances.
type node struct {
	name  name
	at    hcl.Range
	kind  *kind                // nil for a local or an output
	block *hclsyntax.Block     // nil for a local
	local *hclsyntax.Attribute // nil for a block

	refs  []*ref // what its expressions name
	order []*ref // depends_on and the like: they say what comes first, and have no value
	bad   bool   // something of it, or of what it refers to, is wrong and has been said
	value cty.Value

	repeat    string // "", count or for_each
	unread    bool   // its for_each or count could not be used, so nobody knows its instances
	instances []*instance
	byKey     map[string]*instance
	attrsAt   map[string]hcl.Range
}

// instance is one element of a block with for_each or count, or the block itself.
type instance struct {
	addr     Addr
	vars     map[string]cty.Value // each, count
	resource Resource
	contexts map[string]string // of an image that is built: the named contexts that are image blocks, by what these name their image
}

// mostProblems is how many are said: to look for more, and to show them, takes longer than to mend the first.
const mostProblems = 1000

// fail notes problems. Where there are too many of them, it abandons the evaluation.
func (e *evaluator) fail(ds ...*hcl.Diagnostic) {
	room := mostProblems - len(e.diags)
	if len(ds) > room && e.budget.running {
		e.diags = append(e.diags, e.explained(ds[:room])...)
		e.budget.abandon(faultWithoutRange(tooManyProblems, "There are more than %d problems; the first that were found are shown. Mend these, and run the command again.", mostProblems))
	}
	e.diags = append(e.diags, e.explained(ds)...)
}

const tooManyProblems = "Too many problems"

// abandonedDiagnostics is what is said of an evaluation that was abandoned.
func (e *evaluator) abandonedDiagnostics() hcl.Diagnostics {
	if e.budget.over.Summary == tooManyProblems {
		return append(sortDiagnostics(e.diags), e.budget.over)
	}
	return hcl.Diagnostics{e.budget.over}
}

// explained puts what HCL says into the words of the stack, without anything sensitive.
func (e *evaluator) explained(ds hcl.Diagnostics) hcl.Diagnostics {
	out := make(hcl.Diagnostics, len(ds))
	for i, d := range ds {
		if absent := e.absentInstance(d); absent != nil {
			d = absent
		}
		out[i] = withoutTrace(discreet(d))
	}
	return out
}

func (e *evaluator) prepareContext() {
	e.declared = map[string]*variable{}
	e.nodes = map[name]*node{}
	cwd, err := os.Getwd()
	if err != nil {
		cwd = "."
	}
	e.root = &hcl.EvalContext{
		Functions: functions(e.reads, e.in.Environ, e.budget),
		Variables: map[string]cty.Value{
			"path":  cty.ObjectVal(map[string]cty.Value{"module": cty.StringVal(e.dir), "root": cty.StringVal(e.dir), "cwd": cty.StringVal(cwd)}),
			"stack": cty.DynamicVal,
		},
	}
}

// evaluate goes through the nodes in their order: a local gets its value, a block its instances and each of these its content.
func (e *evaluator) evaluate() {
	for _, n := range e.sorted {
		before := len(e.diags)
		for _, r := range n.refs {
			n.bad = n.bad || e.isBad(r)
		}
		e.checkRefs(n)
		switch {
		case n.block != nil && e.isUnparsedIn(n.block.Range()):
			n.bad, n.unread, n.byKey = true, true, map[string]*instance{}
		case n.local != nil:
			n.value = e.localValue(n, e.context(n, nil))
		case n.kind != nil: // an output comes after all else
			e.expand(n)
			e.decode(n)
		}
		for _, d := range e.diags[before:] {
			n.bad = n.bad || d.Severity == hcl.DiagError
		}
	}
}

// isBad tells whether a reference leads to something that is wrong, which has been said.
func (e *evaluator) isBad(r *ref) bool {
	if r.to.root == "var" {
		v := e.declared[r.to.label]
		return v != nil && v.bad
	}
	n := e.nodes[r.to]
	return n != nil && n.bad
}

func (e *evaluator) localValue(n *node, ctx *hcl.EvalContext) cty.Value {
	if n.anyWrong() {
		return cty.DynamicVal
	}
	e.budget.at = n.local.Expr.Range()
	v, diags := n.local.Expr.Value(ctx)
	e.fail(diags...)
	if diags.HasErrors() || !e.checkSize(v, n.local.Expr.Range()) {
		return cty.DynamicVal
	}
	return v
}

// checkSize tells whether a value is within the limits, and says it if it is not.
func (e *evaluator) checkSize(v cty.Value, at hcl.Range) bool {
	m := e.budget.measure(v)
	e.budget.take(1+m.elements/elementsPerStep, at)
	if m.over != "" {
		e.fail(exceeded(at, m.over))
	}
	return m.over == ""
}

// decode reads each instance of a block. What is wrong in the same way in many of them is said once.
func (e *evaluator) decode(n *node) {
	ctx := e.context(n, nil)
	var diags hcl.Diagnostics
	for _, i := range n.instances {
		d := e.decoder(n, i, ctx)
		i.resource = d.resource()
		diags = append(diags, d.diags...)
		if len(diags) > 1000 {
			break
		}
	}
	e.fail(firstOfEach(diags)...)
}

// context gives the names that a node's expressions can use, and no more.
func (e *evaluator) context(n *node, s *reevaluation) *hcl.EvalContext {
	ctx := e.root.NewChild()
	ctx.Variables = map[string]cty.Value{}
	groups := map[string]map[string]cty.Value{}
	for _, r := range n.refs {
		if r.to.label == "" {
			if _, known := e.root.Variables[r.to.root]; !known {
				ctx.Variables[r.to.root] = cty.DynamicVal
			}
			continue
		}
		g := groups[r.to.root]
		if g == nil {
			g = map[string]cty.Value{}
			groups[r.to.root] = g
		}
		if _, done := g[r.to.label]; !done {
			g[r.to.label] = e.valueOf(r.to, s)
		}
	}
	for root, g := range groups {
		ctx.Variables[root] = cty.ObjectVal(g)
	}
	return ctx
}

// valueOf is what a reference gives; unknown for what is not there, which has been said.
func (e *evaluator) valueOf(to name, s *reevaluation) cty.Value {
	if to.root == "var" {
		if v := e.declared[to.label]; v != nil {
			return v.value
		}
		return cty.DynamicVal
	}
	n := e.nodes[to]
	if n == nil {
		return cty.DynamicVal
	}
	if s != nil {
		return s.valueOf(n)
	}
	if n.local == nil && n.value == cty.NilVal {
		n.value = n.blockValue(nil)
	}
	if n.value == cty.NilVal {
		return cty.DynamicVal
	}
	return n.value
}

// blockValue is what a reference to a block gives: an object; for count a list of them, for for_each a map.
func (n *node) blockValue(known map[Addr]cty.Value) cty.Value {
	one := func(i *instance) cty.Value {
		if v, ok := known[i.addr]; ok {
			return v
		}
		if i.resource == nil {
			return cty.DynamicVal
		}
		return i.resource.reference()
	}
	switch n.repeat {
	case "count":
		els := make([]cty.Value, len(n.instances))
		for i, inst := range n.instances {
			els[i] = one(inst)
		}
		return cty.TupleVal(els)
	case "for_each":
		els := make(map[string]cty.Value, len(n.instances))
		for _, inst := range n.instances {
			els[inst.addr.KeyText()] = one(inst)
		}
		return cty.ObjectVal(els)
	}
	if len(n.instances) == 0 {
		return cty.DynamicVal
	}
	return one(n.instances[0])
}
