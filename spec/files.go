package spec

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Suffixes of the files that a directory is read from.
const (
	FileSuffix = ".fairlead.hcl"
	autoSuffix = ".auto.vars.hcl"
)

// Files gives the paths of a directory's *.fairlead.hcl files, sorted.
func Files(dir string) ([]string, error) {
	names, err := filesWithSuffix(dir, FileSuffix)
	for i := range names {
		names[i] = filepath.Join(dir, names[i])
	}
	return names, err
}

func filesWithSuffix(dir, suffix string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if n := e.Name(); strings.HasSuffix(n, suffix) && !strings.HasPrefix(n, ".") && !e.IsDir() {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	return names, nil
}

// parse reads and parses the directory's files. Ranges name a file as the directory does.
func (e *evaluator) parse() []*hclsyntax.Body {
	names, err := filesWithSuffix(e.dir, FileSuffix)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.fail(faultWithoutRange("No such directory", "There is no directory %s. Name the stack's directory with -C.", e.dir))
		return nil
	case err != nil:
		e.fail(faultWithoutRange("Unreadable directory", "The directory %s cannot be read: %s.", e.dir, err))
		return nil
	case len(names) == 0:
		e.fail(faultWithoutRange("No files", "The directory %s holds no *%s file. Name another with -C, or run `fairlead init` to write a first stack.", e.dir, FileSuffix))
		return nil
	}
	var bodies []*hclsyntax.Body
	for _, name := range names {
		if b := e.parseFile(name, filepath.Join(e.dir, name)); b != nil {
			bodies = append(bodies, b)
		}
	}
	return bodies
}

// parseFile parses one file and keeps it for printing diagnostics; nil if nothing of it can be used.
func (e *evaluator) parseFile(name, path string) *hclsyntax.Body {
	src, err := ReadSource(path, e.in.Trust)
	if err != nil {
		e.fail(faultWithoutRange("Unreadable file", "The file %s cannot be read: %s.", name, err))
		return nil
	}
	file, diags := Parse(src, name, e.in.Trust)
	e.fail(diags...)
	e.incomplete = e.incomplete || file == nil
	if file == nil {
		return nil
	}
	e.cfg.Files[name] = file
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			e.incomplete = true
			e.unparsed = append(e.unparsed, *d.Subject)
		}
	}
	body, _ := file.Body.(*hclsyntax.Body)
	if body != nil {
		e.fail(absurdNumbers(body)...)
		e.budget.meter(body)
	}
	return body
}

// maxExponent bounds a number's size, as a power of two: what is far beyond any use takes hundreds of megabytes to write out.
const maxExponent = 4096

// absurdNumbers finds number literals that nothing can be made of.
func absurdNumbers(body *hclsyntax.Body) hcl.Diagnostics {
	return hclsyntax.VisitAll(body, func(n hclsyntax.Node) hcl.Diagnostics {
		lit, ok := n.(*hclsyntax.LiteralValueExpr)
		if !ok || lit.Val.IsNull() || !lit.Val.IsKnown() || lit.Val.Type() != cty.Number {
			return nil
		}
		exponent := lit.Val.AsBigFloat().MantExp(nil)
		if exponent < maxExponent && exponent > -maxExponent {
			return nil
		}
		lit.Val = cty.Zero // so that nothing is computed from it
		return hcl.Diagnostics{fault(lit.SrcRange, "Absurd number", "This number is too large, or too near to zero, for anything here.")}
	})
}

// isUnparsedIn tells whether something within the range could not be parsed, so that the range holds more than what was read.
func (e *evaluator) isUnparsedIn(r hcl.Range) bool {
	return slices.ContainsFunc(e.unparsed, func(t hcl.Range) bool {
		return t.Filename == r.Filename && t.Start.Byte >= r.Start.Byte && t.Start.Byte <= r.End.Byte
	})
}
