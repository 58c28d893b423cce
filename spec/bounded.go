package spec

import (
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// bound lets a function run only on arguments, and to a result, within the limits; what its result will be is told before it allocates.
func (b *budget) bound(name string, f function.Function) function.Function {
	before := func(args []cty.Value) error {
		for _, a := range args {
			m := b.measure(a)
			b.take(1+m.elements/elementsPerStep+m.bytes/bytesPerStep, hcl.Range{})
			if m.over != "" {
				return limitError(m.over)
			}
		}
		if converts[name] {
			for _, a := range args {
				b.weighPairs(a)
			}
		}
		b.take(len(args)*len(args)/pairsPerStep, hcl.Range{}) // of which one type may be made
		if work := work[name]; work != nil {
			b.take(work(b, plainArgs(args)), hcl.Range{})
		}
		if grow := growth[name]; grow != nil {
			elements, bytes := grow(plainArgs(args))
			switch {
			case elements > float64(b.elements):
				return limitError(fmt.Sprintf("its result would have more than %d elements, which is the limit", b.elements))
			case bytes > float64(b.bytes):
				return limitError(fmt.Sprintf("its result would be larger than %d MiB, which is the limit", b.bytes>>20))
			}
		}
		return nil
	}
	return function.New(&function.Spec{
		Description: f.Description(),
		Params:      f.Params(),
		VarParam:    f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if err := before(args); err != nil {
				return cty.DynamicPseudoType, err
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := f.Call(args)
			if err != nil {
				return v, err
			}
			m := b.measure(v)
			b.take(m.elements, hcl.Range{})
			if m.over != "" {
				return cty.NilVal, limitError(m.over)
			}
			return v, nil
		},
	})
}

func limitError(what string) error { return errors.New(what + ". " + trustHint) }

// plainArgs are arguments of which nothing is marked; what is not known is left out as null.
func plainArgs(args []cty.Value) []cty.Value {
	out := make([]cty.Value, len(args))
	for i, a := range args {
		out[i], _ = a.Unmark()
		if !out[i].IsKnown() {
			out[i] = cty.NullVal(cty.DynamicPseudoType)
		}
	}
	return out
}

// converts has the functions that compare the type of each part of a tuple or an object with that of each other.
var converts = map[string]bool{"tolist": true, "tomap": true, "toset": true, "setproduct": true}

// pairsPerStep is how many such comparisons cost as much as a turn of a loop.
const pairsPerStep = 100

// growth has for each function whose result can be far larger than its arguments how many elements it will have, or bytes.
var growth = map[string]func(args []cty.Value) (elements, bytes float64){
	"setproduct": func(args []cty.Value) (float64, float64) {
		n := 1.0
		for _, a := range args {
			n *= float64(length(a))
		}
		return n * float64(len(args)+1), 0
	},
	"distinct": func(args []cty.Value) (float64, float64) { // which compares each with each
		n := float64(length(args[0]))
		return n * n / 100, 0
	},
	"split": func(args []cty.Value) (float64, float64) {
		return float64(strings.Count(stringOf(args[1]), stringOf(args[0]))) + 1, 0
	},
	"regexall": func(args []cty.Value) (float64, float64) {
		return float64(matches(stringOf(args[0]), stringOf(args[1]))), 0
	},
	"join": func(args []cty.Value) (float64, float64) {
		n := 0.0
		for _, a := range args[1:] {
			n += float64(length(a))*float64(len(stringOf(args[0]))) + float64(sizeOf(a))
		}
		return 0, n
	},
	"replace": func(args []cty.Value) (float64, float64) {
		s, old, with := stringOf(args[0]), stringOf(args[1]), stringOf(args[2])
		if pattern, ok := slashed(old); ok {
			return 0, float64(len(s))*float64(1+strings.Count(with, "$")) + float64(matches(pattern, s))*float64(len(with))
		}
		return 0, float64(len(s)) + float64(strings.Count(s, old))*float64(len(with))
	},
	"indent": func(args []cty.Value) (float64, float64) {
		if args[0].IsNull() || args[0].Type() != cty.Number {
			return 0, 0
		}
		spaces, _ := args[0].AsBigFloat().Float64()
		return 0, float64(len(stringOf(args[1]))) + spaces*float64(strings.Count(stringOf(args[1]), "\n")+1)
	},
	"format": func(args []cty.Value) (float64, float64) { return 0, formatted(args) },
	"formatlist": func(args []cty.Value) (float64, float64) {
		n := 1
		for _, a := range args[1:] {
			n = max(n, length(a))
		}
		return 0, formatted(args) * float64(n)
	},
	"jsondecode": func(args []cty.Value) (float64, float64) { return float64(jsonElements(stringOf(args[0]))), 0 },
	"yamldecode": func(args []cty.Value) (float64, float64) { return float64(yamlElements(stringOf(args[0]))), 0 },
	"csvdecode": func(args []cty.Value) (float64, float64) {
		return float64(strings.Count(stringOf(args[0]), ",") + strings.Count(stringOf(args[0]), "\n")), 0
	},
	"parseint": digits, "tonumber": digits,
}

// work has for each function that can take far longer than its arguments are long how many steps it takes.
var work = map[string]func(b *budget, args []cty.Value) int{
	"trim": func(_ *budget, args []cty.Value) int { // looks at the whole cutset for each character
		return len(stringOf(args[0])) / bytesPerStep * (1 + len(stringOf(args[1]))/bytesPerStep)
	},
	"regex":    func(b *budget, args []cty.Value) int { return b.matching(stringOf(args[0]), stringOf(args[1]), false) },
	"regexall": func(b *budget, args []cty.Value) int { return b.matching(stringOf(args[0]), stringOf(args[1]), true) },
	"replace": func(b *budget, args []cty.Value) int {
		if pattern, ok := slashed(stringOf(args[1])); ok {
			return b.matching(pattern, stringOf(args[0]), true)
		}
		return 0
	},
	"jsondecode": func(_ *budget, args []cty.Value) int { return numeralSteps(stringOf(args[0])) },
	"yamldecode": func(_ *budget, args []cty.Value) int {
		s := stringOf(args[0])
		steps := numeralSteps(s)
		if strings.Contains(s, "<<") || strings.Contains(s, "!!merge") { // each alias may bring all keys that there are
			steps += strings.Count(s, "*") * (yamlElements(s) / 8)
		}
		return steps
	},
}

// slashed is the pattern in a text between slashes, which replace takes for one.
func slashed(s string) (string, bool) {
	if len(s) > 1 && s[0] == '/' && s[len(s)-1] == '/' {
		return s[1 : len(s)-1], true
	}
	return "", false
}

// matching is what it costs to match a pattern, or to find all its matches: for each character that is read, as many steps as the pattern
// has states. A search for all begins anew after each match, and may have read to the end of the text for it; so it is tried with a reader that counts.
func (b *budget) matching(pattern, s string, all bool) int {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	prog, err := syntax.Compile(parsed.Simplify())
	re, err2 := regexp.Compile(pattern)
	if err != nil || err2 != nil {
		return 0
	}
	perRune := 1 + len(prog.Inst)
	if !all {
		return len(s) * perRune / statesPerStep
	}
	r := &countedRunes{b: b, s: s, perRune: perRune}
	for r.at < len(s) {
		from := r.at
		at := re.FindReaderIndex(r)
		if at == nil {
			break
		}
		r.at = from + max(at[1], 1)
	}
	return 0
}

// statesPerStep is how many states of a pattern that are looked at cost as much as a turn of a loop.
const statesPerStep = 50

// countedRunes reads a text for a pattern, and takes steps for what is read.
type countedRunes struct {
	b                 *budget
	s                 string
	at, perRune, owed int
}

// ReadRune gives the next character.
func (r *countedRunes) ReadRune() (rune, int, error) {
	if r.at >= len(r.s) {
		return 0, 0, io.EOF
	}
	if r.owed += r.perRune; r.owed >= statesPerStep {
		r.b.take(r.owed/statesPerStep, hcl.Range{})
		r.owed %= statesPerStep
	}
	c, n := utf8.DecodeRuneInString(r.s[r.at:])
	r.at += n
	return c, n, nil
}

// yamlElements is how many elements a YAML text can have, without what its aliases stand for.
func yamlElements(s string) int {
	return 1 + strings.Count(s, "\n") + strings.Count(s, "\r") + strings.Count(s, ",") + strings.Count(s, "[") + strings.Count(s, "{") + strings.Count(s, "- ") + strings.Count(s, "? ")
}

// digits bounds text that is read as a number, which takes time by the square of its length.
func digits(args []cty.Value) (float64, float64) {
	if len(stringOf(args[0])) > maxDigits {
		return 0, math.Inf(1)
	}
	return 0, 0
}

var formatVerb = regexp.MustCompile(`%([-+# 0]*)([0-9]*)(?:\.([0-9]*))?`)

// formatted is how many bytes a format can give: its own, each verb's width and precision, and for each verb the longest argument.
func formatted(args []cty.Value) float64 {
	f := stringOf(args[0])
	longest := 0
	for _, a := range args[1:] {
		longest = max(longest, sizeOf(a))
	}
	total := float64(len(f))
	if !strings.ContainsAny(f, "0123456789") {
		return total + float64(longest)*float64(strings.Count(f, "%"))
	}
	for _, m := range formatVerb.FindAllStringSubmatch(f, -1) {
		total += float64(longest)
		for _, n := range m[2:] {
			if n != "" {
				w, _ := strconv.ParseFloat(n, 64)
				total += w
			}
		}
	}
	return total
}

func stringOf(v cty.Value) string {
	if v.IsNull() || v.Type() != cty.String {
		return ""
	}
	return v.AsString()
}

// length is how many elements a known collection has; 1 for anything else.
func length(v cty.Value) int {
	if v.IsNull() || !v.CanIterateElements() {
		return 1
	}
	return v.LengthInt()
}

// sizeOf is how many bytes of text a value has, within the limit of trusted files.
func sizeOf(v cty.Value) int { return trusted.measure(v).bytes + 32 }

// matches counts what a regular expression matches; 0 for what is none.
func matches(pattern, s string) int {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return 0
	}
	return len(re.FindAllStringIndex(s, -1))
}

// jsonDecodeFunc and yamlDecodeFunc give a value of any type, so that its type is not compared part by part before its size is known:
// in YAML a part can stand for many.
var jsonDecodeFunc = decodeFunc(func(s string) (cty.Value, error) {
	if bracketDepth(s, true) > trusted.nesting {
		return cty.NilVal, tooDeep()
	}
	return stdlib.JSONDecode(cty.StringVal(s))
})

var yamlDecodeFunc = decodeFunc(func(s string) (cty.Value, error) {
	if bracketDepth(s, false) > trusted.nesting || longestRun(s, "- ") > trusted.nesting || longestRun(s, "? ") > trusted.nesting {
		return cty.NilVal, tooDeep()
	}
	return ctyyaml.Standard.Unmarshal([]byte(s), cty.DynamicPseudoType)
})

func tooDeep() error {
	return limitError(fmt.Sprintf("it is nested more than %d deep, which is the limit", trusted.nesting))
}

// bracketDepth is how deep brackets are nested in a text; quoted says whether those between quotes don't count, as in JSON.
func bracketDepth(s string, quoted bool) int {
	depth, most, inText := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = quoted && !inText
		case !inText && (c == '[' || c == '{'):
			depth++
			most = max(most, depth)
		case !inText && (c == ']' || c == '}'):
			depth = max(depth-1, 0)
		}
	}
	return most
}

// jsonElements counts the elements of all lists and objects of a JSON text.
func jsonElements(s string) int {
	n, inText := 1, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case !inText && (c == ',' || c == '[' || c == '{'):
			n++
		}
	}
	return n
}

// longestRun is how often a text repeats a part without a break.
func longestRun(s, part string) int {
	run, most := 0, 0
	for i := 0; i < len(s); {
		if strings.HasPrefix(s[i:], part) {
			run++
			i += len(part)
		} else {
			run = 0
			i++
		}
		most = max(most, run)
	}
	return most
}

func decodeFunc(decode func(string) (cty.Value, error)) function.Function {
	return newFunction(cty.DynamicPseudoType, []function.Parameter{{Name: "text", Type: cty.String}}, func(args []cty.Value) (cty.Value, error) {
		v, err := decode(args[0].AsString())
		if err != nil {
			return cty.NilVal, function.NewArgError(0, err)
		}
		return v, nil
	})
}
