package spec

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// variable is a variable block with its value.
type variable struct {
	name        string
	at          hcl.Range
	ty          cty.Type
	typed       bool
	defaults    *typeexpr.Defaults
	fallback    cty.Value // NilVal: there is none
	secret      bool
	nullable    bool
	validations []*hcl.Block
	value       cty.Value
	bad         bool
}

var variableSchema = newSchema(schema{
	optional: []string{"type", "default", "description", "sensitive", "nullable"}, nested: map[string]*schema{"validation": conditionSchema},
})

var conditionSchema = newSchema(schema{required: []string{"condition", "error_message"}})

// VarPrefix is what the environment's variables for variable blocks begin with.
const VarPrefix = "FAIRLEAD_VAR_"

func (e *evaluator) declareVariable(b *hclsyntax.Block) {
	v := &variable{name: e.parseLabel(b), at: b.DefRange(), ty: cty.DynamicPseudoType, nullable: true, value: cty.DynamicVal}
	if first := e.declared[v.name]; first != nil {
		e.fail(fault(b.LabelRanges[0], "Duplicate name", "var.%s is declared at %s already. Each name is declared once; rename one of the two.", v.name, lineOf(first.at)))
		return
	}
	e.declared[v.name] = v
	e.varOrder = append(e.varOrder, v.name)
	content, diags := variableSchema.content(b.Body)
	if a := content.Attributes["type"]; a != nil {
		ty, defaults, ds := typeexpr.TypeConstraintWithDefaults(a.Expr)
		diags = append(diags, ds...)
		if !ds.HasErrors() {
			v.ty, v.defaults, v.typed = ty, defaults, true
		} else {
			v.bad = true
		}
	}
	v.secret = constantBool(content.Attributes["sensitive"], false, &diags)
	v.nullable = constantBool(content.Attributes["nullable"], true, &diags)
	constantText(content.Attributes["description"], &diags)
	if a := content.Attributes["default"]; a != nil {
		v.fallback = cty.DynamicVal
		got, ds := a.Expr.Value(nil)
		diags = append(diags, ds...)
		if !ds.HasErrors() && !v.bad {
			v.fallback, ds = e.conform(v, got, a.Expr.Range())
			diags = append(diags, ds...)
		}
		v.bad = v.bad || ds.HasErrors()
	}
	v.validations = content.Blocks
	e.fail(diags...)
}

// constantBool reads a bool that no expression may decide.
func constantBool(a *hcl.Attribute, otherwise bool, diags *hcl.Diagnostics) bool {
	if v, ok := constant(a, cty.Bool, diags); ok {
		return v.True()
	}
	return otherwise
}

func constantText(a *hcl.Attribute, diags *hcl.Diagnostics) string {
	v, _ := constant(a, cty.String, diags)
	return stringOf(v)
}

func constant(a *hcl.Attribute, ty cty.Type, diags *hcl.Diagnostics) (cty.Value, bool) {
	none := cty.NullVal(ty)
	if a == nil {
		return none, false
	}
	v, ds := a.Expr.Value(nil)
	*diags = append(*diags, ds...)
	if ds.HasErrors() {
		return none, false
	}
	v, err := convert.Convert(v, ty)
	if err != nil || v.IsNull() || !v.IsKnown() {
		*diags = append(*diags, fault(a.Expr.Range(), "Wrong type", "The attribute %s is %s.", a.Name, typeText(ty)))
		return none, false
	}
	return v, true
}

// conform makes a value one of the variable's type.
func (e *evaluator) conform(v *variable, got cty.Value, at hcl.Range) (cty.Value, hcl.Diagnostics) {
	e.budget.at = at
	if over := e.budget.weighWhole(got); over != "" {
		return cty.DynamicVal, hcl.Diagnostics{exceeded(at, over)}
	}
	if v.ty != cty.DynamicPseudoType && v.ty.HasDynamicTypes() {
		e.budget.weighPairs(got)
	}
	if got.IsNull() && !v.nullable {
		if v.fallback != cty.NilVal && v.fallback.IsKnown() {
			return v.fallback, nil
		}
		return cty.DynamicVal, hcl.Diagnostics{fault(at, "Null value", "var.%s may not be null: it says nullable = false.", v.name)}
	}
	if v.defaults != nil {
		got = v.defaults.Apply(got)
	}
	out, err := convert.Convert(got, v.ty)
	if err != nil {
		return cty.DynamicVal, hcl.Diagnostics{fault(at, "Wrong type", "var.%s is of type %s: %s.", v.name, typeexpr.TypeString(v.ty), shownValue(v, conversionText(err)))}
	}
	return out, nil
}

// given is a value from outside of the stack's files, with where it came from.
type given struct {
	value cty.Value
	at    hcl.Range
}

// variables gives each variable its value: --var beats --var-file, that beats the environment, that beats *.auto.vars.hcl.
func (e *evaluator) variables() {
	values := map[string]given{}
	autos, err := filesWithSuffix(e.dir, autoSuffix)
	if err != nil {
		autos = nil // said by parse
	}
	for _, n := range autos {
		e.varFile(n, filepath.Join(e.dir, n), values)
	}
	for _, kv := range e.in.Environ {
		k, text, _ := strings.Cut(kv, "=")
		if k, ok := strings.CutPrefix(k, VarPrefix); ok && e.declared[k] != nil {
			e.fromText(k, text, "the environment's "+VarPrefix+k, values)
		}
	}
	for _, path := range e.in.VarFiles {
		e.varFile(path, path, values)
	}
	for i, kv := range e.in.Vars {
		k, text, ok := strings.Cut(kv, "=")
		k = strings.TrimSpace(k)
		switch {
		case !ok:
			e.fail(faultWithoutRange("Bad --var", "The --var at place %d of %d has no \"=\": write --var name=value.", i+1, len(e.in.Vars)))
		case e.declared[k] == nil:
			e.fail(faultWithoutRange("Unknown variable", "--var sets %q, which no variable block declares.%s", k, DidYouMean(k, e.varOrder)))
		default:
			e.fromText(k, text, "--var "+k, values)
		}
	}
	for _, n := range e.varOrder {
		e.assignVariable(e.declared[n], values)
	}
	for _, n := range e.varOrder {
		e.validate(e.declared[n])
	}
}

func (e *evaluator) assignVariable(v *variable, values map[string]given) {
	g, ok := values[v.name]
	switch {
	case v.bad:
		v.value = cty.DynamicVal
	case ok && g.value == cty.NilVal: // wrong, which has been said
		v.bad = true
	case ok:
		got, diags := e.conform(v, g.value, g.at)
		if diags.HasErrors() && g.at == (hcl.Range{}) {
			for _, d := range diags {
				d.Subject = nil
			}
		}
		e.fail(diags...)
		v.value, v.bad = got, diags.HasErrors()
	case v.fallback != cty.NilVal:
		v.value = v.fallback
	default:
		v.bad = true
		e.fail(fault(v.at, "Missing variable", "var.%s has no value and no default. Give it one with --var '%s=…', with --var-file FILE, with %s%s in the environment, or in a file *%s beside this one.",
			v.name, v.name, VarPrefix, v.name, autoSuffix))
	}
	if v.bad {
		v.value = cty.UnknownVal(v.ty)
	}
	if v.secret {
		v.value = v.value.Mark(sensitive)
	}
}

// fromText reads a value from a command line or an environment: as it is for a string, a number or a bool, else as an expression.
func (e *evaluator) fromText(k, text, where string, values map[string]given) {
	v := e.declared[k]
	if v.ty.IsPrimitiveType() || !v.typed {
		values[k] = given{value: cty.StringVal(text)}
		if v.typed {
			if _, err := convert.Convert(cty.StringVal(text), v.ty); err != nil {
				e.fail(faultWithoutRange("Wrong type", "%s: var.%s is of type %s, which %s is not.", where, k, typeexpr.TypeString(v.ty), shownValue(v, strconv.Quote(text))))
				values[k] = given{value: cty.NilVal}
			}
		}
		return
	}
	values[k] = given{value: cty.NilVal}
	expr, diags := e.budget.parseExpression([]byte(text), where)
	var got cty.Value
	if !diags.HasErrors() {
		got, diags = expr.Value(nil)
	}
	if diags.HasErrors() {
		e.fail(faultWithoutRange("Bad value", "%s: var.%s is of type %s, so its value is written as in a file, as in '[\"a\", \"b\"]': %s", where, k, typeexpr.TypeString(v.ty), shownValue(v, diags[0].Detail)))
		return
	}
	values[k] = given{value: got}
}

// shownValue is a variable's value, or what is said of it, as a diagnostic may have it.
func shownValue(v *variable, text string) string {
	if v.secret {
		return "(sensitive)"
	}
	return text
}

// masked is a file of variables for printing: without the values that are sensitive, and those of which nobody can tell.
func (e *evaluator) masked(file *hcl.File, body *hclsyntax.Body) *hcl.File {
	var hidden []hcl.Range
	for name, a := range body.Attributes {
		if v := e.declared[name]; v == nil || v.secret {
			hidden = append(hidden, a.Expr.Range())
		}
	}
	return withStars(file, hidden)
}

// varFile reads name = value lines.
func (e *evaluator) varFile(shown, path string, values map[string]given) {
	path = e.reads.expandHome(path)
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	src, err := readBytes(path, e.budget.source)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			err = errors.New("permission denied")
		}
		e.fail(faultWithoutRange("Unreadable file", "The file of variables %s cannot be read: %s.", shown, err))
		return
	}
	file, diags := Parse(src, shown, e.in.Trust)
	e.fail(diags...)
	if file == nil {
		return
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return
	}
	e.fail(absurdNumbers(body)...)
	e.budget.meter(body)
	if !diags.HasErrors() {
		e.cfg.Files[shown] = e.masked(file, body)
	}
	for _, b := range body.Blocks {
		e.fail(fault(b.TypeRange, "Block in a file of variables", "A file of variables holds lines like name = value only. Put the block into a *%s file.", FileSuffix))
	}
	for _, a := range inOrder(body.Attributes) {
		if e.declared[a.Name] == nil {
			e.fail(fault(a.NameRange, "Unknown variable", "No variable block declares %q.%s", a.Name, DidYouMean(a.Name, e.varOrder)))
			continue
		}
		v, ds := a.Expr.Value(nil)
		e.fail(ds...)
		if ds.HasErrors() {
			v = cty.NilVal
		}
		values[a.Name] = given{value: v, at: a.Expr.Range()}
	}
}

// validate checks a variable's own rules.
func (e *evaluator) validate(v *variable) {
	for _, b := range v.validations {
		content, diags := conditionSchema.content(b.Body)
		e.fail(diags...)
		if diags.HasErrors() || v.bad {
			continue
		}
		vars := map[string]cty.Value{}
		for _, n := range e.varOrder {
			vars[n] = e.declared[n].value
		}
		ctx := e.root.NewChild()
		ctx.Variables = map[string]cty.Value{"var": cty.ObjectVal(vars)}
		ok, message, diags := condition(content, ctx)
		e.fail(diags...)
		if !ok && !diags.HasErrors() {
			e.fail(fault(v.at, "Invalid value", "var.%s: %s The rule is at %s.", v.name, sentence(message), lineOf(content.Attributes["condition"].Range)))
			v.bad = true
		}
	}
}

// condition evaluates a condition; true where it cannot be told yet.
func condition(content *hcl.BodyContent, ctx *hcl.EvalContext) (bool, string, hcl.Diagnostics) {
	a := content.Attributes["condition"]
	v, diags := a.Expr.Value(ctx)
	if diags.HasErrors() {
		return true, "", diags
	}
	v, _ = v.Unmark()
	v, err := convert.Convert(v, cty.Bool)
	if err != nil || v.IsNull() {
		return true, "", append(diags, fault(a.Expr.Range(), "Wrong type", "A condition is true or false."))
	}
	if !v.IsKnown() || v.True() {
		return true, "", diags
	}
	m := content.Attributes["error_message"]
	text, ds := m.Expr.Value(ctx)
	diags = append(diags, ds...)
	if ds.HasErrors() {
		return true, "", diags
	}
	if text.ContainsMarked() {
		return false, "(the message is sensitive)", diags
	}
	text, err = convert.Convert(text, cty.String)
	if err != nil || text.IsNull() || !text.IsKnown() {
		return true, "", append(diags, fault(m.Expr.Range(), "Wrong type", "An error message is a string."))
	}
	return false, text.AsString(), diags
}

// sentence sees to a full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s != "" && !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}

// sentenceOf gives an error as a sentence.
func sentenceOf(err error) string {
	s := sentence(err.Error())
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}
