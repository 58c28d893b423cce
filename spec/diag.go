package spec

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
)

// fault makes an error at a range. The summary holds no name that a user chose; the detail is whole sentences.
func fault(at hcl.Range, summary, detail string, args ...any) *hcl.Diagnostic {
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: at.Ptr()}
}

// rootless makes an error that no file holds, as about a command line.
func rootless(summary, detail string, args ...any) *hcl.Diagnostic {
	d := fault(hcl.Range{}, summary, detail, args...)
	d.Subject = nil
	return d
}

// didYouMean gives a sentence with the known word that is nearest to a wrong one, with a space before it; "" if none is near.
func didYouMean(word string, known []string) string {
	best, at := "", 2
	switch {
	case len(word) >= 8:
		at = 4
	case len(word) >= 4:
		at = 3
	}
	for _, k := range known {
		d := levenshtein.Distance(word, k, nil)
		if d > 1 && letters(word) == letters(k) {
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

// DidYouMean gives such a sentence for what is no word of the language.
func DidYouMean(word string, known []string) string { return didYouMean(word, known) }

func letters(s string) string {
	b := []byte(s)
	sort.Slice(b, func(i, j int) bool { return b[i] < b[j] })
	return string(b)
}

// list writes words as people do: "a", "b" or "c".
func list(words []string, last string) string {
	q := make([]string, len(words))
	for i, w := range words {
		q[i] = strconv.Quote(w)
	}
	if len(q) < 2 {
		return strings.Join(q, "")
	}
	return strings.Join(q[:len(q)-1], ", ") + " " + last + " " + q[len(q)-1]
}

// tidy puts diagnostics in file order and drops those that say the same of the same place, as the instances of a block do.
func tidy(in hcl.Diagnostics) hcl.Diagnostics {
	type place struct {
		at      hcl.Range
		summary string
		detail  string
	}
	seen := map[place]bool{}
	out := hcl.Diagnostics{}
	for _, d := range in {
		d = inOurWords(d)
		p := place{summary: d.Summary, detail: d.Detail}
		if d.Subject != nil {
			p.at = *d.Subject
		}
		if !seen[p] {
			seen[p] = true
			out = append(out, d)
		}
	}
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
	if len(out) == 0 {
		return nil
	}
	return out
}

// once keeps of each place and summary the first: the instances of one block repeat each other with other values.
func once(in hcl.Diagnostics) hcl.Diagnostics {
	type place struct {
		at      hcl.Range
		summary string
	}
	seen := map[place]bool{}
	var out hcl.Diagnostics
	for _, d := range in {
		p := place{summary: d.Summary}
		if d.Subject != nil {
			p.at = *d.Subject
		}
		if seen[p] {
			continue
		}
		seen[p] = true
		out = append(out, d)
	}
	return out
}

// discreet takes from what functions say of their arguments what may be a secret: they quote them.
func discreet(ds hcl.Diagnostics) hcl.Diagnostics {
	for i, d := range ds {
		if d.Expression == nil || d.EvalContext == nil || !strings.Contains(d.Summary, "function") {
			continue
		}
		for _, v := range d.Expression.Variables() {
			if got, diags := v.TraverseAbs(d.EvalContext); !diags.HasErrors() && got.ContainsMarked() {
				hidden := *d
				hidden.Detail = "The arguments are sensitive, so what is wrong with them is not shown."
				ds[i] = &hidden
				break
			}
		}
	}
	return ds
}
