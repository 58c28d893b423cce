package spec

import (
	"slices"
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Lifecycle holds a block's own rules about its changes. Conditions are checked while the files are read.
type Lifecycle struct {
	PreventDestroy     bool     `json:"prevent_destroy,omitempty"`
	IgnoreChanges      []string `json:"ignore_changes,omitempty"`       // attribute names, sorted; "all" stands for each
	ReplaceTriggeredBy []Addr   `json:"replace_triggered_by,omitempty"` // sorted; blocks or instances
}

var lifecycleSchema = newSchema(schema{
	optional: []string{"prevent_destroy", "ignore_changes", "replace_triggered_by"}, nested: map[string]*schema{"precondition": conditionSchema},
})

// lifecycle reads the lifecycle block, as far as the kind has one.
func (d *decoder) lifecycle(blocks hcl.Blocks) (l Lifecycle) {
	b := d.singleBlock(blocks, "lifecycle")
	if b == nil {
		return l
	}
	content := d.split(b.Body, d.n.kind.schema.nested["lifecycle"])
	l.PreventDestroy = d.boolean(content.Attributes, "prevent_destroy", false)
	l.IgnoreChanges = d.ignoreChanges(content.Attributes["ignore_changes"])
	l.ReplaceTriggeredBy = d.addresses(content.Attributes["replace_triggered_by"], "lifecycle.replace_triggered_by")
	for _, p := range content.Blocks {
		d.precondition(p)
	}
	return l
}

func (d *decoder) precondition(p *hcl.Block) {
	pc, diags := conditionSchema.content(p.Body)
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
func (d *decoder) ignoreChanges(a *hcl.Attribute) []string {
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
	known := d.n.kind.schema.names()
	seen := map[string]bool{}
	var out []string
	for _, x := range exprs {
		word := hcl.ExprAsKeyword(x)
		switch {
		case word == "":
			d.fail(fault(x.Range(), "Bad attribute name", "ignore_changes names whole attributes without quotes, as in [labels, env]."))
		case !slices.Contains(known, word):
			d.fail(fault(x.Range(), "Unknown attribute", "There is no attribute %q to ignore.%s", word, DidYouMean(word, known)))
		case !seen[word]:
			seen[word] = true
			out = append(out, word)
		}
	}
	sort.Strings(out)
	return out
}
