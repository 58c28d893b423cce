package spec

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// WithoutSensitiveText gives a file for quoting its lines: each byte of a sensitive value that stands in it as text is a star. That is the default
// of a variable with sensitive = true, the password of a registry, and what the function sensitive is called with. Ranges of the file stay true.
func WithoutSensitiveText(f *hcl.File) *hcl.File {
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok {
		return f
	}
	return withStars(f, sensitiveText(body))
}

// withStars gives a file with a star for each byte of the ranges.
func withStars(f *hcl.File, hidden []hcl.Range) *hcl.File {
	out := *f
	out.Bytes = slices.Clone(f.Bytes)
	for _, r := range hidden {
		for i := r.Start.Byte; i < min(r.End.Byte, len(out.Bytes)); i++ {
			if out.Bytes[i] != '\n' {
				out.Bytes[i] = '*'
			}
		}
	}
	return &out
}

func sensitiveText(body *hclsyntax.Body) []hcl.Range {
	var out []hcl.Range
	for _, b := range body.Blocks {
		if a := b.Body.Attributes["password"]; a != nil && b.Type == "registry" {
			out = append(out, a.Expr.Range())
		}
		if b.Type != "variable" || b.Body.Attributes["default"] == nil || b.Body.Attributes["sensitive"] == nil {
			continue
		}
		if said, diags := b.Body.Attributes["sensitive"].Expr.Value(nil); diags.HasErrors() || !said.RawEquals(cty.False) {
			out = append(out, b.Body.Attributes["default"].Expr.Range())
		}
	}
	_ = hclsyntax.VisitAll(body, func(n hclsyntax.Node) hcl.Diagnostics {
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && call.Name == "sensitive" {
			for _, arg := range call.Args {
				out = append(out, arg.Range())
			}
		}
		return nil
	})
	return out
}
