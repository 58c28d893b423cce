package spec

import (
	"maps"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// hostFunctions are those that read files or the environment.
var hostFunctions = []string{"abspath", "basename", "dirname", "env", "file", "fileexists", "filesha256", "pathexpand", "templatefile"}

// functions gives the function table: the pure ones, and those that read files or the environment.
func functions(r *reads, environ []string, b *budget) map[string]function.Function {
	table := maps.Clone(pure)
	readText := func(path string) (string, error) {
		text, err := r.text(path)
		b.take(len(text)/bytesReadPerStep, hcl.Range{})
		return text, err
	}
	pathFunc := func(f func(path string) (string, error)) function.Function {
		return newFunction(cty.String, []function.Parameter{{Name: "path", Type: cty.String}}, func(args []cty.Value) (cty.Value, error) {
			s, err := f(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(s), nil
		})
	}
	table["abspath"] = pathFunc(func(p string) (string, error) { return r.path(p), nil })
	table["pathexpand"] = pathFunc(func(p string) (string, error) { return r.expandHome(p), nil })
	table["basename"] = pathFunc(func(p string) (string, error) { return filepath.Base(p), nil })
	table["dirname"] = pathFunc(func(p string) (string, error) { return filepath.Dir(p), nil })
	table["file"] = pathFunc(readText)
	table["filesha256"] = pathFunc(func(p string) (string, error) {
		sum, err := r.sha256(p)
		b.take(sum.size/bytesReadPerStep, hcl.Range{})
		return sum.hex, err
	})
	table["fileexists"] = newFunction(cty.Bool, []function.Parameter{{Name: "path", Type: cty.String}}, func(args []cty.Value) (cty.Value, error) {
		found, err := r.exists(args[0].AsString())
		return cty.BoolVal(found), err
	})
	table["env"] = envFunc(environ)
	for name, f := range table {
		table[name] = b.bound(name, f)
	}
	table["templatefile"] = b.bound("templatefile", templateFunc(readText, table, b))
	return table
}

func envFunc(environ []string) function.Function {
	return function.New(&function.Spec{
		Params:   []function.Parameter{{Name: "name", Type: cty.String}},
		VarParam: &function.Parameter{Name: "default", Type: cty.String},
		Type:     function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			if v, ok := variableIn(environ, name); ok {
				if !utf8.ValidString(v) {
					return cty.NilVal, function.NewArgErrorf(0, "the environment's %s holds bytes that are no UTF-8", name)
				}
				return cty.StringVal(v), nil
			}
			if len(args) > 1 {
				return args[1], nil
			}
			return cty.NilVal, function.NewArgErrorf(0, "the environment has no %s; set it, or give a default: env(%q, \"\")", name, name)
		},
	})
}

func templateFunc(readText func(string) (string, error), table map[string]function.Function, b *budget) function.Function {
	render := func(args []cty.Value) (cty.Value, error) {
		if !args[0].IsKnown() || !args[1].IsKnown() {
			return cty.UnknownVal(cty.String), nil
		}
		vars, marks := args[1].Unmark() // as a whole; what is sensitive in it stays so
		if ty := vars.Type(); !ty.IsObjectType() && !ty.IsMapType() {
			return cty.NilVal, function.NewArgErrorf(1, "an object with the template's variables is needed")
		}
		name := args[0].AsString()
		text, err := readText(name)
		if err != nil {
			return cty.NilVal, function.NewArgError(0, err)
		}
		b.take(len(text)/bytesPerStep, hcl.Range{})
		expr, diags := b.parseTemplate([]byte(text), name)
		if diags.HasErrors() {
			return cty.NilVal, inTemplate(name, diags)
		}
		b.meter(expr)
		ctx := &hcl.EvalContext{Variables: map[string]cty.Value{}, Functions: map[string]function.Function{}}
		for it := vars.ElementIterator(); it.Next(); {
			k, v := it.Element()
			ctx.Variables[k.AsString()] = v.WithMarks(marks)
		}
		for n, f := range table {
			if n != "templatefile" { // a template that reads itself would never end
				ctx.Functions[n] = f
			}
		}
		v, diags := expr.Value(ctx)
		if diags.HasErrors() {
			return cty.NilVal, inTemplate(name, diags)
		}
		return v, nil
	}
	params := []function.Parameter{{Name: "path", Type: cty.String}, {Name: "vars", Type: cty.DynamicPseudoType, AllowMarked: true}}
	return newFunction(cty.DynamicPseudoType, params, render) // a template that is one expression gives what that gives
}

// inTemplate says what is wrong in a template, in one line.
func inTemplate(name string, diags hcl.Diagnostics) error {
	d, at := discreet(diags[0]), name
	if d.Subject != nil {
		at = lineOf(*d.Subject)
	}
	return function.NewArgErrorf(0, "%s: %s", at, strings.TrimSuffix(d.Detail, "."))
}
