package planner

import (
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// The functions below give the values that stand for attributes in a comparison. Null is unset.

func text(s string) cty.Value {
	if s == "" {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(s)
}

func boolean(b bool) cty.Value {
	if !b {
		return cty.NullVal(cty.Bool)
	}
	return cty.True
}

func number(n int64) cty.Value {
	if n == 0 {
		return cty.NullVal(cty.Number)
	}
	return cty.NumberIntVal(n)
}

func duration(d time.Duration) cty.Value { return text(d.String()) }

// list keeps nil and empty apart: an empty entrypoint is none, an unset one is the image's.
func list(ss []string) cty.Value {
	if ss == nil {
		return cty.NullVal(cty.List(cty.String))
	}
	if len(ss) == 0 {
		return cty.ListValEmpty(cty.String)
	}
	els := make([]cty.Value, len(ss))
	for i, s := range ss {
		els[i] = cty.StringVal(s)
	}
	return cty.ListVal(els)
}

func set(ss []string) cty.Value {
	if len(ss) == 0 {
		return cty.NullVal(cty.Set(cty.String))
	}
	els := make([]cty.Value, len(ss))
	for i, s := range ss {
		els[i] = cty.StringVal(s)
	}
	return cty.SetVal(els)
}

func addrs(as []spec.Addr) cty.Value {
	ss := make([]string, len(as))
	for i, a := range as {
		ss[i] = a.String()
	}
	return set(ss)
}

func texts(m map[string]string) cty.Value {
	if len(m) == 0 {
		return cty.NullVal(cty.Map(cty.String))
	}
	els := make(map[string]cty.Value, len(m))
	for k, v := range m {
		els[k] = cty.StringVal(v)
	}
	return cty.MapVal(els)
}
