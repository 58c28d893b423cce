package view

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Of a line that no page holds, and of long files many times, the place is said and the text is not quoted.
func TestLongTextIsNotQuoted(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		quotes int
	}{
		"short":      {"a = 1 # text\n", 3},
		"long line":  {"a = 1 # text " + strings.Repeat("x", 20<<10) + "\n", 0},
		"long files": {"a = 1 # text\n" + strings.Repeat("# x\n", 1100<<10), 2},
	} {
		t.Run(name, func(t *testing.T) {
			file, diags := hclsyntax.ParseConfig([]byte(c.text), "f", hcl.InitialPos)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Bad", Detail: "It is bad.", Subject: &hcl.Range{Filename: "f", Start: hcl.InitialPos, End: hcl.Pos{Line: 1, Column: 2, Byte: 1}}}
			var out bytes.Buffer
			if err := Diagnostics(&out, hcl.Diagnostics{d, d, d}, map[string]*hcl.File{"f": file}, Style{Width: 80}); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(out.String(), "# text"); n != c.quotes {
				t.Errorf("quoted %d times, want %d:\n%.2000s", n, c.quotes, out.String())
			}
		})
	}
}
