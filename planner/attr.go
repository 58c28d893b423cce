package planner

import (
	"reflect"

	"github.com/zclconf/go-cty/cty"
)

// attr is one row of the table of a kind, or of a nested block: the attribute's name in files, what changing it costs, and how to read it.
// One getter reads both sides, so a comparison can't depend on which side a value came from.
type attr[T any] struct {
	Name string
	Cost Cost
	field[T]
	CostOf       func(before, after cty.Value) Cost   // what this difference costs, where that isn't always Cost; nil: always
	Reason       func(before, after cty.Value) string // the reason, where `PATH differs` would say too little; nil: that
	Unobservable func(have *Live) bool                // where the live side can't tell; nil: it always can
	Absent       func(*T) bool                        // in a nested block: tells those that can't have it; nil: all can
}

// field reads and copies one attribute of a T.
type field[T any] struct {
	Get    func(*T) cty.Value // of a T in normal form; null is unset
	Copy   func(to, from *T)  // the attribute alone
	nested []row              // of a nested block: its rows
	key    string             // of a nested block that can be there several times: the attribute that tells one from another
}

// attribute makes a field of an attribute that has one value; shown is what stands for it in a comparison.
func attribute[T, F any](of func(*T) *F, shown func(F) cty.Value) field[T] {
	return field[T]{Get: func(t *T) cty.Value { return shown(*of(t)) }, Copy: func(to, from *T) { *of(to) = *of(from) }}
}

// block makes a field of a nested block. It is null where nothing is set in it, and copies no more than its rows do.
func block[T, F any](of func(*T) *F, rows []attr[F]) field[T] {
	none := unsetAsNull(object(rows, new(F))) // what nearly every block is, made once
	f := attribute(of, func(v F) cty.Value {
		if reflect.ValueOf(&v).Elem().IsZero() {
			return none
		}
		return unsetAsNull(object(rows, &v))
	})
	f.Copy = func(to, from *T) {
		for i := range rows {
			rows[i].Copy(of(to), of(from))
		}
	}
	f.nested = untyped(rows)
	return f
}

// optionalBlock makes a field of a nested block that says something by being there. It is null where it isn't.
func optionalBlock[T, F any](of func(*T) **F, rows []attr[F]) field[T] {
	f := attribute(of, func(v *F) cty.Value {
		if v == nil {
			return cty.NullVal(cty.EmptyObject)
		}
		return object(rows, v)
	})
	f.nested = untyped(rows)
	return f
}

// blocks makes a field of a nested block that can be there several times: an object by what tells one from another, so that a difference
// names the block, and order never counts.
func blocks[T, F any](of func(*T) *[]F, rows []attr[F], key string, keyOf func(*F) string) field[T] {
	f := attribute(of, func(vs []F) cty.Value {
		if len(vs) == 0 {
			return cty.NullVal(cty.EmptyObject)
		}
		els := make(map[string]cty.Value, len(vs))
		for i := range vs {
			els[keyOf(&vs[i])] = object(rows, &vs[i])
		}
		return cty.ObjectVal(els)
	})
	f.nested, f.key = untyped(rows), key
	return f
}

// object has what rows read of a block, without blocks that aren't there and what such a block can't have.
func object[F any](rows []attr[F], of *F) cty.Value {
	els := make(map[string]cty.Value, len(rows))
	for i := range rows {
		row := &rows[i]
		if v := row.Get(of); !v.IsNull() || row.nested == nil && (row.Absent == nil || !row.Absent(of)) {
			els[row.Name] = v
		}
	}
	return cty.ObjectVal(els)
}

func unsetAsNull(v cty.Value) cty.Value {
	for _, el := range v.AsValueMap() {
		if !el.IsNull() {
			return v
		}
	}
	return cty.NullVal(v.Type())
}

// row is an attr of whatever type: what a comparison of values needs of it.
type row interface {
	name() string
	costOf(before, after cty.Value) Cost
	parts() []row     // of a nested block: its rows
	blockKey() string // see field.key
}

func untyped[F any](rows []attr[F]) []row {
	out := make([]row, len(rows))
	for i := range rows {
		out[i] = &rows[i]
	}
	return out
}

func (a *attr[T]) name() string     { return a.Name }
func (a *attr[T]) parts() []row     { return a.nested }
func (a *attr[T]) blockKey() string { return a.key }

func (a *attr[T]) costOf(before, after cty.Value) Cost {
	if a.CostOf != nil {
		return a.CostOf(before, after)
	}
	return a.Cost
}

// one is the row of one of several blocks.
type one struct{ row }

func (one) blockKey() string { return "" }

// partOf is the row of the part of a row's value at a path below it: that of the attribute, if the value is a nested block.
func partOf(r row, path string) row {
	if r.blockKey() != "" {
		return one{r}
	}
	for _, p := range r.parts() {
		if path == "."+p.name() {
			return p
		}
	}
	return r
}
