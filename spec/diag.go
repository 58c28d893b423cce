package spec

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// fault makes an error at a range. The summary holds no name that a user chose; the detail is whole sentences.
func fault(at hcl.Range, summary, detail string, args ...any) *hcl.Diagnostic {
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: at.Ptr()}
}

// faultWithoutRange makes an error that is in no file, as one of the command line.
func faultWithoutRange(summary, detail string, args ...any) *hcl.Diagnostic {
	d := fault(hcl.Range{}, summary, detail, args...)
	d.Subject = nil
	return d
}

// DidYouMean gives a sentence with the known word that is nearest to a wrong one, with a space before it; "" if none is near.
func DidYouMean(word string, known []string) string {
	best, at := "", 2
	switch {
	case len(word) >= 8:
		at = 4
	case len(word) >= 4:
		at = 3
	}
	for _, k := range known {
		if len(k) > len(word)+at || len(word) > len(k)+at || len(word) > longestGuessed {
			continue
		}
		d := levenshtein.Distance(word, k, nil)
		if d > 1 && sortedLetters(word) == sortedLetters(k) {
			d = 1 // two letters that changed places
		}
		if d < at {
			best, at = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}

// longestGuessed is the longest word that another is looked for: to compare words takes time by the product of their lengths.
const longestGuessed = 100

func sortedLetters(s string) string {
	b := []byte(s)
	sort.Slice(b, func(i, j int) bool { return b[i] < b[j] })
	return string(b)
}

// quotedList writes words as people do: "a", "b" or "c".
func quotedList(words []string, last string) string {
	q := make([]string, len(words))
	for i, w := range words {
		q[i] = strconv.Quote(w)
	}
	if len(q) < 2 {
		return strings.Join(q, "")
	}
	return strings.Join(q[:len(q)-1], ", ") + " " + last + " " + q[len(q)-1]
}

// sortDiagnostics puts diagnostics in file order and drops those that say the same of the same place, as the instances of a block do.
func sortDiagnostics(in hcl.Diagnostics) hcl.Diagnostics {
	in = slices.Clone(in)
	for i, d := range in {
		in[i] = withOwnWords(d)
	}
	out := withoutRepeats(in, func(d *hcl.Diagnostic) string { return d.Detail })
	sort.SliceStable(out, func(i, j int) bool {
		a, b := out[i].Subject, out[j].Subject
		if a == nil || b == nil {
			return a == nil && b != nil
		}
		if a.Filename != b.Filename {
			return a.Filename < b.Filename
		}
		return a.Start.Byte < b.Start.Byte
	})
	return out
}

// firstOfEach keeps of each place and summary the first: the instances of one block repeat each other with other values.
func firstOfEach(in hcl.Diagnostics) hcl.Diagnostics {
	return withoutRepeats(in, func(*hcl.Diagnostic) string { return "" })
}

// withoutRepeats keeps of each place, summary and what else is given the first.
func withoutRepeats(in hcl.Diagnostics, what func(*hcl.Diagnostic) string) (out hcl.Diagnostics) {
	type repeated struct {
		at            hcl.Range
		summary, what string
	}
	seen := map[repeated]bool{}
	for _, d := range in {
		r := repeated{summary: d.Summary, what: what(d)}
		if d.Subject != nil {
			r.at = *d.Subject
		}
		if !seen[r] {
			seen[r] = true
			out = append(out, d)
		}
	}
	return out
}

// discreet leaves the detail out of what an evaluation says of an expression in which something sensitive takes part: functions,
// conversions and collections quote their arguments, their elements and their keys.
func discreet(d *hcl.Diagnostic) *hcl.Diagnostic {
	if d.Expression == nil || d.EvalContext == nil || !touchesSensitive(d.Expression, d.EvalContext) {
		return d
	}
	hidden := *d
	hidden.Detail = "Something sensitive takes part in this expression, so what is wrong with it is not shown."
	hidden.Expression, hidden.EvalContext = nil, nil
	return &hidden
}

// touchesSensitive tells whether an expression names something that is sensitive, or makes something so.
func touchesSensitive(x hcl.Expression, ctx *hcl.EvalContext) bool {
	if inner := localScope(ctx); inner != nil && holdsSensitive(inner) {
		return true
	}
	for _, t := range x.Variables() {
		v, diags := t.TraverseAbs(ctx)
		if diags.HasErrors() { // the whole, where the part cannot be had
			v, diags = t[:1].TraverseAbs(ctx)
		}
		if !diags.HasErrors() && v.ContainsMarked() {
			return true
		}
	}
	node, ok := x.(hclsyntax.Node)
	if !ok {
		return false
	}
	calls := false
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		call, ok := n.(*hclsyntax.FunctionCallExpr)
		calls = calls || ok && call.Name == "sensitive"
		return nil
	})
	return calls
}

// localScope gives the scope of a "for" or a dynamic block, whose variables are parts of a collection without its marks; nil where there is none.
func localScope(ctx *hcl.EvalContext) *hcl.EvalContext {
	for c := ctx; c != nil; c = c.Parent() {
		for name := range c.Variables {
			if !slices.Contains(roots(), name) {
				return ctx
			}
		}
	}
	return nil
}

func holdsSensitive(ctx *hcl.EvalContext) bool {
	for c := ctx; c != nil; c = c.Parent() {
		for _, v := range c.Variables {
			if v.ContainsMarked() {
				return true
			}
		}
	}
	return false
}

// withoutTrace cuts off where a function of the language panicked: it is a bug, and the trace is for nobody who reads a plan.
func withoutTrace(d *hcl.Diagnostic) *hcl.Diagnostic {
	what, _, panicked := strings.Cut(d.Detail, "\ngoroutine ")
	if !panicked {
		return d
	}
	cut := *d
	cut.Detail = what + ". This is a bug in fairlead: please report it with the expression."
	return &cut
}
