package spec

import (
	"fmt"
	"math/bits"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// budget counts the work of an evaluation. Where it is used up the evaluation is left by a panic, which Load recovers: HCL goes on
// with a loop of which an element is wrong.
type budget struct {
	limits
	used    int
	running bool            // within an evaluation, which can be abandoned
	at      hcl.Range       // what is evaluated, for what knows no place of its own
	over    *hcl.Diagnostic // the limit that the evaluation was abandoned for
}

// overBudget is the panic.
type overBudget struct{ *budget }

// take counts steps of the work for an expression.
func (b *budget) take(steps int, at hcl.Range) {
	if at.Filename == "" {
		at = b.at
	}
	if b.used += steps; b.used > b.steps || b.used < 0 {
		b.abandon(exceeded(at, stepsText(b.steps)))
	}
}

func (b *budget) abandon(d *hcl.Diagnostic) {
	if b.over == nil {
		b.over = d
	}
	panic(overBudget{b})
}

// run runs an evaluation. It gives false if the evaluation was abandoned for a limit, which b.over says: a function that recovers panics may have hidden that.
func (b *budget) run(evaluate func()) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			if o, is := p.(overBudget); !is || o.budget != b {
				panic(p)
			}
		}
		ok, b.running = b.over == nil, false
	}()
	b.used, b.at, b.over, b.running = 0, hcl.Range{}, nil, true
	evaluate()
	return
}

// meter puts counters into the loops and templates of a tree, and bounds into its arithmetic.
func (b *budget) meter(tree hclsyntax.Node) {
	_ = hclsyntax.VisitAll(tree, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.ForExpr:
			n.CollExpr = b.weighed(n.CollExpr, (*budget).weighOrder)
			n.ValExpr = counted{inParens(n.ValExpr), b}
			if n.CondExpr != nil {
				n.CondExpr = counted{inParens(n.CondExpr), b}
			}
		case *hclsyntax.SplatExpr:
			n.Source = b.weighed(n.Source, (*budget).weighOrder)
			n.Each = counted{inParens(n.Each), b}
		case *hclsyntax.TemplateExpr:
			for i, p := range n.Parts {
				if _, literal := p.(*hclsyntax.LiteralValueExpr); !literal {
					n.Parts[i] = counted{inParens(p), b}
				}
			}
		case *hclsyntax.BinaryOpExpr:
			n.LHS, n.RHS = b.weighed(n.LHS, (*budget).weighWhole), b.weighed(n.RHS, (*budget).weighWhole)
		case *hclsyntax.UnaryOpExpr:
			n.Val = b.weighed(n.Val, (*budget).weighWhole)
		case *hclsyntax.IndexExpr:
			n.Key = b.weighed(n.Key, (*budget).weighWhole)
		case *hclsyntax.ConditionalExpr: // which makes one type of its branches'
			n.TrueResult, n.FalseResult = b.weighed(n.TrueResult, (*budget).weighPairs), b.weighed(n.FalseResult, (*budget).weighPairs)
		case *hclsyntax.FunctionCallExpr: // whose arguments are converted before the function sees them
			for i, arg := range n.Args {
				switch ty := paramType(n.Name, i); {
				case ty == cty.Number:
					n.Args[i] = b.weighed(arg, (*budget).weighWhole)
				case ty.IsCollectionType() && ty.HasDynamicTypes():
					n.Args[i] = b.weighed(arg, (*budget).weighPairs)
				}
			}
		}
		return nil
	})
}

// paramType is the type of a parameter of a function that needs nothing but its arguments.
func paramType(name string, i int) cty.Type {
	f, ok := pure[name]
	switch {
	case !ok:
	case i < len(f.Params()):
		return f.Params()[i].Type
	case f.VarParam() != nil:
		return f.VarParam().Type
	}
	return cty.DynamicPseudoType
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
	case weighed:
		return m.Expression
	}
	return x
}

// stepsPerBlock is what it costs to read a block, or one that a dynamic block makes.
const stepsPerBlock = 10

// How much text, how much of a file, and how many elements that are only looked at, cost as much as a turn of a loop.
const (
	bytesPerStep     = 16
	bytesReadPerStep = 256
	elementsPerStep  = 4
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

// weighed takes steps for what is about to be done with a value, or refuses that.
type weighed struct {
	*hclsyntax.ParenthesesExpr
	b     *budget
	weigh func(b *budget, v cty.Value) (over string)
}

func (b *budget) weighed(x hclsyntax.Expression, weigh func(*budget, cty.Value) string) weighed {
	return weighed{inParens(x), b, weigh}
}

func (w weighed) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := w.Expression.Value(ctx)
	if diags.HasErrors() {
		return v, diags
	}
	w.b.at = w.Range()
	if over := w.weigh(w.b, v); over != "" {
		return cty.DynamicVal, append(diags, exceeded(w.Range(), over))
	}
	return v, diags
}

// weighWhole weighs what is compared, computed with or converted as a whole.
func (b *budget) weighWhole(v cty.Value) string {
	m := b.measure(v)
	b.take(m.elements/elementsPerStep+m.bytes/bytesPerStep, hcl.Range{})
	return m.over
}

// weighOrder weighs what is gone through: a set is sorted for that.
func (b *budget) weighOrder(v cty.Value) string {
	if v, _ = v.Unmark(); v.IsKnown() && !v.IsNull() && v.Type().IsSetType() {
		b.take(sortSteps(v), hcl.Range{})
	}
	return ""
}

// sortSteps is what it costs to sort a set, as all that looks at its elements does. Elements that hold others are sorted by all of their text.
func sortSteps(set cty.Value) int {
	n := set.LengthInt()
	compares := n * bits.Len(uint(n))
	if set.Type().ElementType().IsPrimitiveType() {
		return compares / 8
	}
	return compares * 8
}

// weighPairs weighs a conversion that finds one type for the parts of a tuple or an object, by comparing that of each with that of each other;
// where they differ, those of their parts as well.
func (b *budget) weighPairs(v cty.Value) string {
	v, _ = v.Unmark()
	if ty := v.Type(); !ty.IsTupleType() && !ty.IsObjectType() || v.IsNull() {
		return ""
	}
	n := v.LengthInt()
	b.take(n*n/pairsPerStep, hcl.Range{})
	if v.IsKnown() && !sameTypes(v) {
		n = b.measure(v).elements
		b.take(n*n/pairsPerStep, hcl.Range{})
	}
	return ""
}

// sameTypes tells whether the parts of a value are all of one type.
func sameTypes(v cty.Value) bool {
	first := cty.NilType
	for it := v.ElementIterator(); it.Next(); {
		_, el := it.Element()
		if ty := el.Type(); first == cty.NilType {
			first = ty
		} else if !ty.Equals(first) {
			return false
		}
	}
	return true
}

// maxDigits is the longest text that is read as a number.
const maxDigits = 4096

// measured is how large a value is, as far as it was looked at.
type measured struct {
	*limits
	budget          *budget // takes what it costs to look; nil: nothing does
	elements, bytes int
	over            string // the limit that it is over; "" for none
}

// measure is that of the limits, and takes the steps of sorting the sets in the value, and of reading its long texts as numbers.
func (b *budget) measure(v cty.Value) measured {
	m := measured{limits: &b.limits, budget: b}
	m.walk(v, 0)
	return m
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
		if m.budget != nil {
			m.budget.weighOrder(v)
		}
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
	if m.budget != nil && len(s) > maxDigits {
		m.budget.take(numeralSteps(s), hcl.Range{})
	}
	if m.bytes += len(s); m.bytes > m.limits.bytes {
		m.over = fmt.Sprintf("The value is larger than %d MiB, which is the limit", m.limits.bytes>>20)
	}
}

// numeralSteps is what it costs to read the digits in a text as numbers, which takes time by the square of how many follow each other.
func numeralSteps(s string) int {
	run, steps := 0, 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && '0' <= s[i] && s[i] <= '9' {
			run++
			continue
		}
		steps += run * run / (maxDigits * maxDigits / 16)
		run = 0
	}
	return steps
}
