package spec

import (
	"crypto/md5"  //nolint:gosec // a function of the language, not a safeguard
	"crypto/sha1" //nolint:gosec // the same
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"unicode/utf8"

	"github.com/apparentlymart/go-cidr/cidr"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// sensitive marks a value that must not be shown.
const sensitive = mark("sensitive")

type mark string

// pure holds the functions that need nothing but their arguments, by the names that OpenTofu's users know.
var pure = map[string]function.Function{
	"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc, "log": stdlib.LogFunc, "max": stdlib.MaxFunc,
	"min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc, "pow": stdlib.PowFunc, "signum": stdlib.SignumFunc, "sum": sumFunc,

	"chomp": stdlib.ChompFunc, "format": stdlib.FormatFunc, "formatlist": stdlib.FormatListFunc, "indent": stdlib.IndentFunc,
	"join": stdlib.JoinFunc, "lower": stdlib.LowerFunc, "regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc,
	"replace": replaceFunc, "split": stdlib.SplitFunc, "strrev": stdlib.ReverseFunc, "substr": stdlib.SubstrFunc, "title": stdlib.TitleFunc,
	"trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc, "trimspace": stdlib.TrimSpaceFunc,
	"trimsuffix": stdlib.TrimSuffixFunc, "upper": stdlib.UpperFunc, "startswith": textTest(strings.HasPrefix),
	"endswith": textTest(strings.HasSuffix), "strcontains": textTest(strings.Contains),

	"chunklist": stdlib.ChunklistFunc, "coalesce": stdlib.CoalesceFunc, "coalescelist": stdlib.CoalesceListFunc,
	"compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "distinct": stdlib.DistinctFunc,
	"element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc, "index": indexFunc, "keys": stdlib.KeysFunc,
	"length": lengthFunc, "lookup": lookupFunc, "merge": stdlib.MergeFunc, "one": oneFunc, "range": stdlib.RangeFunc,
	"reverse": stdlib.ReverseListFunc, "setintersection": stdlib.SetIntersectionFunc, "setproduct": stdlib.SetProductFunc,
	"setsubtract": stdlib.SetSubtractFunc, "setunion": stdlib.SetUnionFunc, "slice": stdlib.SliceFunc, "sort": stdlib.SortFunc,
	"values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc, "anytrue": anyTrueFunc(true), "alltrue": anyTrueFunc(false),

	"tobool": stdlib.MakeToFunc(cty.Bool), "tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)),
	"tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)), "tonumber": stdlib.MakeToFunc(cty.Number),
	"toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)), "tostring": stdlib.MakeToFunc(cty.String),
	"can": tryfunc.CanFunc, "try": tryFunc, "sensitive": sensitiveFunc, "nonsensitive": nonsensitiveFunc,

	"base64decode": base64DecodeFunc, "base64encode": textFunc(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }),
	"csvdecode": stdlib.CSVDecodeFunc, "jsondecode": jsonDecodeFunc, "jsonencode": stdlib.JSONEncodeFunc,
	"yamldecode": yamlDecodeFunc, "yamlencode": ctyyaml.YAMLEncodeFunc,

	"md5":    textFunc(func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }),  //nolint:gosec // as above
	"sha1":   textFunc(func(s string) string { h := sha1.Sum([]byte(s)); return hex.EncodeToString(h[:]) }), //nolint:gosec // as above
	"sha256": textFunc(func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }),

	"formatdate": stdlib.FormatDateFunc, "timeadd": stdlib.TimeAddFunc,
	"cidrhost": cidrHostFunc, "cidrnetmask": cidrNetmaskFunc, "cidrsubnet": cidrSubnetFunc,
}

// newFunction makes a function whose results are all of one type.
func newFunction(result cty.Type, params []function.Parameter, impl func(args []cty.Value) (cty.Value, error)) function.Function {
	return function.New(&function.Spec{
		Params: params, Type: function.StaticReturnType(result),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return impl(args) },
	})
}

func textFunc(f func(string) string) function.Function {
	return newFunction(cty.String, []function.Parameter{{Name: "text", Type: cty.String}}, func(args []cty.Value) (cty.Value, error) {
		return cty.StringVal(f(args[0].AsString())), nil
	})
}

func textTest(f func(s, part string) bool) function.Function {
	return newFunction(cty.Bool, []function.Parameter{{Name: "text", Type: cty.String}, {Name: "part", Type: cty.String}}, func(args []cty.Value) (cty.Value, error) {
		return cty.BoolVal(f(args[0].AsString(), args[1].AsString())), nil
	})
}

// replaceFunc takes a pattern between slashes as a regular expression, as in OpenTofu.
var replaceFunc = newFunction(cty.String, []function.Parameter{{Name: "text", Type: cty.String}, {Name: "old", Type: cty.String}, {Name: "new", Type: cty.String}}, func(args []cty.Value) (cty.Value, error) {
	if pattern, ok := slashed(args[1].AsString()); ok {
		return stdlib.RegexReplace(args[0], cty.StringVal(pattern), args[2])
	}
	return stdlib.Replace(args[0], args[1], args[2])
})

var lengthFunc = newFunction(cty.Number, []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowUnknown: true, AllowMarked: true}}, func(args []cty.Value) (cty.Value, error) {
	v, marks := args[0].Unmark()
	ty := v.Type()
	switch {
	case ty == cty.DynamicPseudoType:
		return cty.UnknownVal(cty.Number).WithMarks(marks), nil
	case ty == cty.String:
		n, err := stdlib.Strlen(v)
		return n.WithMarks(marks), err
	case ty.IsTupleType():
		return cty.NumberIntVal(int64(ty.Length())).WithMarks(marks), nil
	case ty.IsObjectType():
		return cty.NumberIntVal(int64(len(ty.AttributeTypes()))).WithMarks(marks), nil
	case ty.IsCollectionType():
		return v.Length().WithMarks(marks), nil
	}
	return cty.NilVal, function.NewArgErrorf(0, "a string, a collection or an object is needed")
})

var indexFunc = newFunction(cty.Number, []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}, {Name: "value", Type: cty.DynamicPseudoType}}, func(args []cty.Value) (cty.Value, error) {
	if ty := args[0].Type(); !ty.IsListType() && !ty.IsTupleType() {
		return cty.NilVal, function.NewArgErrorf(0, "a list is needed")
	}
	for it := args[0].ElementIterator(); it.Next(); {
		i, v := it.Element()
		eq, err := stdlib.Equal(v, args[1])
		if err != nil {
			return cty.NilVal, err
		}
		if !eq.IsKnown() {
			return cty.UnknownVal(cty.Number), nil
		}
		if eq.True() {
			return i, nil
		}
	}
	return cty.NilVal, fmt.Errorf("the list does not hold that value")
})

// lookupFunc takes a default or none, as in OpenTofu.
var lookupFunc = function.New(&function.Spec{
	Params:   []function.Parameter{{Name: "map", Type: cty.DynamicPseudoType}, {Name: "key", Type: cty.String}},
	VarParam: &function.Parameter{Name: "default", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true},
	Type: func(args []cty.Value) (cty.Type, error) {
		v, err := lookup(args)
		if err != nil {
			return cty.DynamicPseudoType, err
		}
		return v.Type(), nil
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return lookup(args) },
})

func lookup(args []cty.Value) (cty.Value, error) {
	if len(args) > 3 {
		return cty.DynamicVal, fmt.Errorf("a map, a key and one default are all it takes")
	}
	ty := args[0].Type()
	if !ty.IsMapType() && !ty.IsObjectType() {
		return cty.DynamicVal, function.NewArgErrorf(0, "a map or an object is needed")
	}
	if !args[0].IsKnown() || !args[1].IsKnown() {
		return cty.DynamicVal, nil
	}
	key := args[1].AsString()
	if ty.IsObjectType() && ty.HasAttribute(key) {
		return args[0].GetAttr(key), nil
	}
	if ty.IsMapType() && args[0].HasIndex(args[1]).True() {
		return args[0].Index(args[1]), nil
	}
	if len(args) == 3 {
		if ty.IsMapType() {
			if v, err := convert.Convert(args[2], ty.ElementType()); err == nil {
				return v, nil
			}
		}
		return args[2], nil
	}
	return cty.DynamicVal, fmt.Errorf("there is no key %q, and no default is given", key)
}

var oneFunc = newFunction(cty.DynamicPseudoType, []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}}, func(args []cty.Value) (cty.Value, error) {
	if ty := args[0].Type(); !ty.IsListType() && !ty.IsSetType() && !ty.IsTupleType() {
		return cty.NilVal, function.NewArgErrorf(0, "a list or a set is needed")
	}
	switch n := args[0].LengthInt(); n {
	case 0:
		return cty.NullVal(cty.DynamicPseudoType), nil
	case 1:
		return args[0].AsValueSlice()[0], nil
	default:
		return cty.NilVal, function.NewArgErrorf(0, "one element or none is needed, and there are %d", n)
	}
})

var sumFunc = newFunction(cty.Number, []function.Parameter{{Name: "numbers", Type: cty.DynamicPseudoType}}, func(args []cty.Value) (cty.Value, error) {
	if !args[0].CanIterateElements() || args[0].LengthInt() == 0 {
		return cty.NilVal, function.NewArgErrorf(0, "a list with at least one number is needed")
	}
	total := cty.Zero
	for it := args[0].ElementIterator(); it.Next(); {
		_, v := it.Element()
		n, err := convert.Convert(v, cty.Number)
		if err != nil || n.IsNull() {
			return cty.NilVal, function.NewArgErrorf(0, "an element is no number")
		}
		if total, err = stdlib.Add(total, n); err != nil {
			return cty.NilVal, err
		}
	}
	return total, nil
})

func anyTrueFunc(sought bool) function.Function {
	return newFunction(cty.Bool, []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}}, func(args []cty.Value) (cty.Value, error) {
		unknown := false
		for it := args[0].ElementIterator(); it.Next(); {
			_, v := it.Element()
			switch {
			case !v.IsKnown():
				unknown = true
			case (!v.IsNull() && v.True()) == sought:
				return cty.BoolVal(sought), nil
			}
		}
		if unknown {
			return cty.UnknownVal(cty.Bool), nil
		}
		return cty.BoolVal(!sought), nil
	})
}

var base64DecodeFunc = newFunction(cty.String, []function.Parameter{{Name: "text", Type: cty.String}}, func(args []cty.Value) (cty.Value, error) {
	b, err := base64.StdEncoding.DecodeString(args[0].AsString())
	if err != nil {
		return cty.NilVal, function.NewArgErrorf(0, "the text is no base64")
	}
	if !utf8.Valid(b) {
		return cty.NilVal, function.NewArgErrorf(0, "the text holds bytes that are no UTF-8, which a string cannot hold")
	}
	return cty.StringVal(string(b)), nil
})

var sensitiveFunc = function.New(&function.Spec{
	Params: []function.Parameter{anything},
	Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
	Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return args[0].Mark(sensitive), nil },
})

var nonsensitiveFunc = function.New(&function.Spec{
	Params: []function.Parameter{anything},
	Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, _ := args[0].Unmark()
		return v, nil
	},
})

var anything = function.Parameter{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowMarked: true, AllowDynamicType: true}

var prefixParam = function.Parameter{Name: "prefix", Type: cty.String}

var cidrHostFunc = newFunction(cty.String, []function.Parameter{prefixParam, {Name: "number", Type: cty.Number}}, func(args []cty.Value) (cty.Value, error) {
	n, err := parsePrefix(args[0])
	if err != nil {
		return cty.NilVal, err
	}
	host, err := wholeNumber(args[1], 1)
	if err != nil {
		return cty.NilVal, err
	}
	ip, err := cidr.HostBig(n, host)
	if err != nil {
		return cty.NilVal, err
	}
	return cty.StringVal(ip.String()), nil
})

var cidrNetmaskFunc = newFunction(cty.String, []function.Parameter{prefixParam}, func(args []cty.Value) (cty.Value, error) {
	n, err := parsePrefix(args[0])
	if err != nil {
		return cty.NilVal, err
	}
	if len(n.Mask) != net.IPv4len {
		return cty.NilVal, function.NewArgErrorf(0, "only IPv4 has netmasks")
	}
	return cty.StringVal(net.IP(n.Mask).String()), nil
})

var cidrSubnetFunc = newFunction(cty.String, []function.Parameter{prefixParam, {Name: "newbits", Type: cty.Number}, {Name: "netnum", Type: cty.Number}}, func(args []cty.Value) (cty.Value, error) {
	n, err := parsePrefix(args[0])
	if err != nil {
		return cty.NilVal, err
	}
	bits, err := wholeNumber(args[1], 1)
	if err != nil {
		return cty.NilVal, err
	}
	num, err := wholeNumber(args[2], 2)
	if err != nil {
		return cty.NilVal, err
	}
	if !bits.IsInt64() || bits.Int64() < 0 || bits.Int64() > 128 || num.Sign() < 0 {
		return cty.NilVal, function.NewArgErrorf(1, "a number from 0 to 128 is needed, and a netnum that is not negative")
	}
	sub, err := cidr.SubnetBig(n, int(bits.Int64()), num)
	if err != nil {
		return cty.NilVal, err
	}
	return cty.StringVal(sub.String()), nil
})

func parsePrefix(v cty.Value) (*net.IPNet, error) {
	_, n, err := net.ParseCIDR(v.AsString())
	if err != nil {
		return nil, function.NewArgErrorf(0, "%q is no address prefix, as in \"10.90.0.0/24\"", v.AsString())
	}
	return n, nil
}

func wholeNumber(v cty.Value, arg int) (*big.Int, error) {
	n, acc := v.AsBigFloat().Int(nil)
	if n == nil || acc != big.Exact {
		return nil, function.NewArgErrorf(arg, "a whole number is needed")
	}
	return n, nil
}

// tryFunc gives the first of its arguments that evaluates without an error. One that is not wholly known could still fail once it is,
// so it makes the result unknown; a mere reference cannot, and is given as it is. HCL's own try evaluates each argument twice, so
// that nesting it takes time without bounds.
var tryFunc = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "expressions", Type: customdecode.ExpressionClosureType},
	Type:     function.StaticReturnType(cty.DynamicPseudoType),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if len(args) == 0 {
			return cty.NilVal, errors.New("at least one argument is needed")
		}
		var failed []string
		for _, arg := range args {
			c := customdecode.ExpressionClosureFromVal(arg)
			v, diags := c.Value()
			if !diags.HasErrors() {
				if _, ds := hcl.AbsTraversalForExpr(c.Expression); v.IsWhollyKnown() || !ds.HasErrors() {
					return v, nil
				}
				return cty.DynamicVal, nil
			}
			for _, d := range diags {
				failed = append(failed, fmt.Sprintf("%s: %s", d.Summary, d.Detail))
			}
		}
		return cty.NilVal, fmt.Errorf("no argument can be evaluated, and one must be. %s", strings.Join(failed, " "))
	},
})
