package spec

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// budget counts the work of an evaluation. Where it is used up the evaluation is left by a panic, which Load recovers: HCL goes on
// with a loop of which an element is wrong.
type budget struct {
	limits
	used int
	at   hcl.Range       // what is evaluated, for what knows no place of its own
	over *hcl.Diagnostic // the limit that the evaluation was left for
}

// overBudget is the panic.
type overBudget struct{ *budget }

// take counts steps of the work for an expression.
func (b *budget) take(steps int, at hcl.Range) {
	if at.Filename == "" {
		at = b.at
	}
	if b.used += steps; b.used > b.steps || b.used < 0 {
		b.leave(exceeded(at, stepsText(b.steps)))
	}
}

func (b *budget) leave(d *hcl.Diagnostic) {
	if b.over == nil {
		b.over = d
	}
	panic(overBudget{b})
}

// within runs an evaluation; false if it was left because of a limit, which b.over says. A function that recovers panics may have hidden that.
func (b *budget) within(evaluate func()) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			if o, is := p.(overBudget); !is || o.budget != b {
				panic(p)
			}
		}
		ok = b.over == nil
	}()
	b.used, b.at, b.over = 0, hcl.Range{}, nil
	evaluate()
	return
}

// meter puts counters into the loops and templates of a tree, and bounds into its arithmetic.
func (b *budget) meter(tree hclsyntax.Node) {
	_ = hclsyntax.VisitAll(tree, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.ForExpr:
			n.ValExpr = counted{inParens(n.ValExpr), b}
			if n.CondExpr != nil {
				n.CondExpr = counted{inParens(n.CondExpr), b}
			}
		case *hclsyntax.SplatExpr:
			n.Each = counted{inParens(n.Each), b}
		case *hclsyntax.TemplateExpr:
			for i, p := range n.Parts {
				if _, literal := p.(*hclsyntax.LiteralValueExpr); !literal {
					n.Parts[i] = counted{inParens(p), b}
				}
			}
		case *hclsyntax.BinaryOpExpr:
			n.LHS, n.RHS = operand{inParens(n.LHS), b}, operand{inParens(n.RHS), b}
		}
		return nil
	})
}

// inParens is what a walk goes through to the expression below.
func inParens(x hclsyntax.Expression) *hclsyntax.ParenthesesExpr {
	return &hclsyntax.ParenthesesExpr{Expression: x, SrcRange: x.Range()}
}

// counted takes a step for each evaluation, and more for long text.
type counted struct {
	*hclsyntax.ParenthesesExpr
	b *budget
}

// unmetered gives the expression that the parser made: what looks at the form of expressions looks through the meter.
func unmetered(x hclsyntax.Expression) hclsyntax.Expression {
	switch m := x.(type) {
	case counted:
		return m.Expression
	case operand:
		return m.Expression
	}
	return x
}

// How much text, and how many elements that are only looked at, cost as much as a turn of a loop.
const (
	bytesPerStep    = 16
	elementsPerStep = 4
)

func (c counted) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	c.b.at = c.Range()
	v, diags := c.Expression.Value(ctx)
	steps := 1
	if plain, _ := v.Unmark(); plain.Type() == cty.String && plain.IsKnown() && !plain.IsNull() {
		steps += len(plain.AsString()) / bytesPerStep
	}
	c.b.take(steps, c.Range())
	return v, diags
}

// operand bounds a number and what is compared.
type operand struct {
	*hclsyntax.ParenthesesExpr
	b *budget
}

func (o operand) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := o.Expression.Value(ctx)
	if diags.HasErrors() {
		return v, diags
	}
	m := o.b.measure(v)
	o.b.take(m.elements/elementsPerStep, o.Range())
	if m.over != "" {
		return cty.DynamicVal, append(diags, exceeded(o.Range(), m.over))
	}
	if plain, _ := v.Unmark(); plain.Type() == cty.String && plain.IsKnown() && !plain.IsNull() && len(plain.AsString()) > maxDigits {
		if _, literal := o.Expression.(*hclsyntax.LiteralValueExpr); !literal {
			o.b.take(len(plain.AsString())/bytesPerStep, o.Range())
		}
	}
	return v, diags
}

// maxDigits is the longest text that is read as a number.
const maxDigits = 4096

// measured is how large a value is, as far as it was looked at.
type measured struct {
	*limits
	elements, bytes int
	over            string // the limit that it is over; "" for none
}

// measure walks a value until it is over a limit: one that holds parts of itself many times is small in memory, and takes for ever to walk.
func (lim *limits) measure(v cty.Value) measured {
	m := measured{limits: lim}
	m.walk(v, 0)
	return m
}

func (m *measured) walk(v cty.Value, depth int) {
	if m.elements++; m.over != "" || v == cty.NilVal {
		return
	}
	switch {
	case m.elements > m.limits.elements:
		m.over = fmt.Sprintf("The value has more than %d elements, which is the limit", m.limits.elements)
		return
	case depth > m.nesting:
		m.over = fmt.Sprintf("The value is nested more than %d deep, which is the limit", m.nesting)
		return
	}
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return
	}
	switch ty := v.Type(); {
	case ty == cty.String:
		m.text(v.AsString())
	case ty == cty.Number:
		if f := v.AsBigFloat(); !f.IsInf() {
			if exp := f.MantExp(nil); exp > maxExponent || exp < -maxExponent {
				m.over = "The number is too large, or too near to zero, for anything here"
			}
		}
	case v.CanIterateElements():
		for it := v.ElementIterator(); m.over == "" && it.Next(); {
			k, el := it.Element()
			if k.Type() == cty.String && !ty.IsSetType() {
				m.text(k.AsString())
			}
			m.walk(el, depth+1)
		}
	}
}

func (m *measured) text(s string) {
	if m.bytes += len(s); m.bytes > m.limits.bytes {
		m.over = fmt.Sprintf("The value is larger than %d MiB, which is the limit", m.limits.bytes>>20)
	}
}
