package spec

import (
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Output is an output block's value.
type Output struct {
	Name        string
	Description string
	Sensitive   bool
	Value       cty.Value // unmarked; unknown where it depends on what only the host knows
	DeclAt      hcl.Range
}

var outputSchema = newSchema(schema{required: []string{"value"}, optional: []string{"description", "sensitive"}})

// evaluateOutputs evaluates the output blocks as far as the files alone tell.
func (e *evaluator) evaluateOutputs(s *reevaluation) { e.cfg.Outputs = e.readOutputs(s) }

func (e *evaluator) readOutputs(s *reevaluation) []*Output {
	var out []*Output
	for _, n := range e.sorted {
		if n.name.root != "output" {
			continue
		}
		o := &Output{Name: n.name.label, DeclAt: n.at, Value: cty.DynamicVal}
		content, diags := outputSchema.content(n.block.Body)
		o.Description = constantText(content.Attributes["description"], &diags)
		o.Sensitive = constantBool(content.Attributes["sensitive"], false, &diags)
		e.fail(diags...)
		out = append(out, o)
		a := content.Attributes["value"]
		if a == nil || n.wrongIn(a.Expr.Range()) {
			continue
		}
		e.budget.at = a.Expr.Range()
		v, ds := a.Expr.Value(e.context(n, s))
		e.fail(ds...)
		if ds.HasErrors() || !e.checkSize(v, a.Expr.Range()) {
			continue
		}
		if v.ContainsMarked() && !o.Sensitive {
			e.fail(fault(a.Expr.Range(), "Sensitive value", "The value comes from something sensitive, so the output says sensitive = true, or the value goes through nonsensitive()."))
		}
		o.Value, _ = v.UnmarkDeep()
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}
