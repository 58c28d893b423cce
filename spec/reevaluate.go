package spec

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// reevaluation is one evaluation with values that the host has told. Locals are evaluated anew, once.
type reevaluation struct {
	e      *evaluator
	known  map[Addr]cty.Value
	values map[*node]cty.Value
	quiet  bool // with placeholders: what is wrong with them is nobody's to read
}

func (e *evaluator) newReevaluation(known map[Addr]cty.Value) *reevaluation {
	return &reevaluation{e: e, known: known, values: map[*node]cty.Value{}}
}

// valueOf is what a reference to a node gives with the values known now.
func (s *reevaluation) valueOf(n *node) cty.Value {
	if v, ok := s.values[n]; ok {
		return v
	}
	s.values[n] = cty.DynamicVal // a cycle has been said
	v := cty.DynamicVal
	if n.local == nil {
		v = n.blockValue(s.known)
	} else if !n.anyWrong() {
		refused := s.e.reads.refused
		got, diags := n.local.Expr.Value(s.e.context(n, s))
		if s.quiet {
			s.e.reads.refused = refused
		} else {
			s.e.fail(diags...)
		}
		if !diags.HasErrors() {
			v = got
		}
	}
	s.values[n] = v
	return v
}

// Reevaluate gives the resource at a as evaluated with the values that the host has told of others: what a reference gives for each
// (see [ImageValue] and [ContainerValue]). Without a reference to such a value it is the resource that Load made. What is unknown in these
// values is unknown in every expression. Where an attribute only carries it, what it has is the placeholder that carried holds in its place;
// what needs it otherwise is an error, and so is all that is unknown where carried is nil.
func (c *Config) Reevaluate(a Addr, known, carried map[Addr]cty.Value) (r Resource, diags hcl.Diagnostics) {
	if !c.eval.budget.run(func() { r, diags = c.reevaluate(a, known, carried) }) {
		return nil, hcl.Diagnostics{c.eval.budget.over}
	}
	return r, diags
}

func (c *Config) reevaluate(a Addr, known, carried map[Addr]cty.Value) (Resource, hcl.Diagnostics) {
	r := c.Get(a)
	if r == nil {
		return nil, hcl.Diagnostics{faultWithoutRange("Unknown address", "Nothing has the address %s.", a)}
	}
	n := c.eval.nodes[a.node()]
	if len(r.Header().Marks.Unknown) == 0 || n == nil || n.byKey[a.Key] == nil {
		return r, nil
	}
	e := c.eval
	e.diags, e.reads.refused = nil, nil
	i := n.byKey[a.Key]
	s := e.newReevaluation(known)
	d := e.decoder(n, &instance{addr: i.addr, vars: e.reevaluatedVars(n, i, s)}, e.context(n, s))
	d.reevaluation = s
	if carried != nil {
		with := e.newReevaluation(carried)
		with.quiet = true
		d.placeholders = e.decoder(n, &instance{addr: i.addr, vars: e.reevaluatedVars(n, i, with)}, e.context(n, with)).ctx
	}
	again, before := d.resource(), r.Header()
	d.fail(e.hiddenRefusal(before.DeclAt, append(e.diags, d.diags...))...)
	again.keepLinks(r)
	b := again.Header()
	b.References, b.Lifecycle.ReplaceTriggeredBy = before.References, before.Lifecycle.ReplaceTriggeredBy
	return again, sortDiagnostics(append(e.diags, d.diags...))
}

// hiddenRefusal says which file was not read, where nothing else says it: try() and can() would decide on it as if the file weren't there.
func (e *evaluator) hiddenRefusal(at hcl.Range, said hcl.Diagnostics) hcl.Diagnostics {
	if e.reads.refused == nil || said.HasErrors() {
		return nil
	}
	return hcl.Diagnostics{fault(at, "File not read", "%s.", e.reads.refused)}
}

// reevaluatedVars gives each.key and each.value of an instance, evaluated again where they were not known.
func (e *evaluator) reevaluatedVars(n *node, i *instance, s *reevaluation) map[string]cty.Value {
	each, ok := i.vars["each"]
	if !ok || each.IsWhollyKnown() {
		return i.vars
	}
	all, diags := n.block.Body.Attributes["for_each"].Expr.Value(e.context(n, s))
	if diags.HasErrors() || !all.IsKnown() || all.IsNull() {
		return i.vars
	}
	key := each.GetAttr("key")
	for it := all.ElementIterator(); it.Next(); {
		if k, v := it.Element(); k.RawEquals(key) {
			return map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": key, "value": v})}
		}
	}
	return i.vars
}

// ReevaluateOutputs gives the outputs, as evaluated with the values that the host has told.
func (c *Config) ReevaluateOutputs(known map[Addr]cty.Value) ([]*Output, hcl.Diagnostics) {
	c.eval.diags, c.eval.reads.refused = nil, nil
	var out []*Output
	if !c.eval.budget.run(func() { out = c.eval.readOutputs(c.eval.newReevaluation(known)) }) {
		return nil, hcl.Diagnostics{c.eval.budget.over}
	}
	if len(out) > 0 {
		c.eval.fail(c.eval.hiddenRefusal(out[0].DeclAt, c.eval.diags)...)
	}
	return out, sortDiagnostics(c.eval.diags)
}

// Get finds a resource by its address; nil where there is none.
func (c *Config) Get(a Addr) Resource {
	if c == nil {
		return nil
	}
	if c.resources == nil { // the config comes from no files
		for _, r := range c.Resources {
			if r.Header().Addr == a {
				return r
			}
		}
	}
	return c.resources[a]
}
