package planner

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// lossless compares what was written with what was read back. Of a block, nil and empty mean the same where its JSON leaves out both.
func lossless(want, got any) string {
	ofBlock := cmp.FilterPath(func(p cmp.Path) bool {
		for i, step := range p[:len(p)-1] {
			if f, ok := p[i+1].(cmp.StructField); ok && step.Type() == reflect.TypeFor[spec.Container]() {
				return f.Name() != "Entrypoint" && f.Name() != "Command"
			}
		}
		return false
	}, cmpopts.EquateEmpty())
	return cmp.Diff(want, got, ofBlock, cmp.Comparer(func(a, b cty.Value) bool {
		return a == cty.NilVal && b == cty.NilVal || a != cty.NilVal && b != cty.NilVal && a.RawEquals(b)
	}))
}

// again writes a value as JSON and reads it back, strictly.
func again[T any](t *testing.T, v *T) *T {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out := new(T)
	if err := strict(b, out); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return out
}

// TestFoundIsWrittenWithoutLoss writes random States and Sources as JSON and reads them back.
func TestFoundIsWrittenWithoutLoss(t *testing.T) {
	for seed := range int64(200) {
		r := random{rand.New(rand.NewSource(seed))}
		var state State
		var sources Sources
		r.fill(reflect.ValueOf(&state).Elem(), 0)
		r.fill(reflect.ValueOf(&sources).Elem(), 0)
		if d := lossless(&state, again(t, &state)); d != "" {
			t.Fatalf("seed %d, State: (-written +read)\n%s", seed, d)
		}
		if d := lossless(&sources, again(t, &sources)); d != "" {
			t.Fatalf("seed %d, Sources: (-written +read)\n%s", seed, d)
		}
	}
}

// random fills values of any type with what a reading may bring.
type random struct{ *rand.Rand }

func (r random) text() string {
	return []string{"", "a", "é\n\"", "\x00<&>", "linux/amd64", fmt.Sprint(r.Int63())}[r.Intn(6)]
}

func (r random) value() cty.Value {
	return []cty.Value{
		cty.NilVal, cty.NullVal(cty.String), cty.NullVal(cty.DynamicPseudoType), cty.StringVal(r.text()), cty.NumberIntVal(r.Int63()), cty.True,
		cty.EmptyTupleVal, cty.TupleVal([]cty.Value{cty.StringVal("a"), cty.Zero}), cty.ListVal([]cty.Value{cty.StringVal(r.text())}),
		cty.ObjectVal(map[string]cty.Value{"a": cty.NullVal(cty.Number), "b": cty.MapVal(map[string]cty.Value{"c": cty.False})}),
	}[r.Intn(10)]
}

func (r random) fill(v reflect.Value, depth int) {
	switch x := v.Addr().Interface().(type) {
	case *cty.Value:
		*x = r.value()
		return
	case *time.Time:
		*x = time.Unix(r.Int63n(1e10), r.Int63n(1e9)).UTC()
		return
	case *spec.Addr:
		*x = []spec.Addr{{}, {Kind: spec.KindImage, Name: "a"}, {Kind: spec.KindContainer, Name: "b", Key: "0"}}[r.Intn(3)]
		return
	case *hcl.Range:
		return
	case *Input:
		*x = Input{InputFile, []string{"a", "\xff/b", "q\x80\"", "é"}[r.Intn(4)], r.text()}
		return
	}
	size := r.Intn(4) - 1 // -1: nil
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Tag.Get("json") != "-" || v.Type() == reflect.TypeFor[Base]() {
				r.fill(v.Field(i), depth+1)
			}
		}
	case reflect.Pointer:
		if size >= 0 {
			v.Set(reflect.New(v.Type().Elem()))
			r.fill(v.Elem(), depth+1)
		}
	case reflect.Slice:
		if size >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), size, size))
			for i := range size {
				r.fill(v.Index(i), depth+1)
			}
		}
	case reflect.Map:
		if size >= 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range size {
				key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				r.fill(key, depth+1)
				r.fill(value, depth+1)
				v.SetMapIndex(key, value)
			}
		}
	case reflect.String:
		v.SetString(r.text())
	case reflect.Bool:
		v.SetBool(r.Intn(2) == 1)
	case reflect.Int, reflect.Int64:
		v.SetInt(r.Int63())
	case reflect.Uint32:
		v.SetUint(uint64(r.Uint32()))
	default:
		panic("a type that no reading has: " + v.Type().String())
	}
}
