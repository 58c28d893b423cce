package planner

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fairlead-dev/fairlead/spec"
)

// pathsOf gives the paths of the attributes that rows read, down to those of nested blocks.
func pathsOf(rows []row) []string {
	var out []string
	for _, r := range rows {
		if len(r.parts()) == 0 {
			out = append(out, r.name())
		}
		if r.blockKey() != "" {
			out = append(out, r.name()+"."+r.blockKey())
		}
		for _, p := range pathsOf(r.parts()) {
			out = append(out, r.name()+"."+p)
		}
	}
	return out
}

// isPartOf tells whether list has a path, or a block that it is in.
func isPartOf(path string, list map[string]string) bool {
	for block := range list {
		if path == block || strings.HasPrefix(path, block+".") {
			return true
		}
	}
	return false
}

// TestEveryAttributeHasARow: an attribute without a decided cost cannot pass, be it in a nested block.
func TestEveryAttributeHasARow(t *testing.T) {
	for _, kind := range spec.Kinds() {
		table := kindRow(kind)
		attrs, rows := spec.AttributePaths(kind), pathsOf(table.rows)
		for _, a := range attrs {
			has := slices.Contains(rows, a)
			switch out := isPartOf(a, table.notCompared); {
			case out && has:
				t.Errorf("%s.%s has a row and is said not to be compared", kind, a)
			case !out && !has:
				t.Errorf("%s.%s has no row: it takes one, or a reason why it isn't compared", kind, a)
			}
		}
		for _, name := range rows {
			if !slices.Contains(attrs, name) && (kind != spec.KindImage || name != "digest") {
				t.Errorf("%s.%s has a row and is no attribute", kind, name)
			}
		}
		for name, why := range table.notCompared {
			if why == "" || !slices.ContainsFunc(attrs, func(a string) bool { return isPartOf(a, map[string]string{name: ""}) }) {
				t.Errorf("%s.%s is said not to be compared, and is no attribute, or nobody says why", kind, name)
			}
		}
	}
	seen := map[string]bool{}
	for _, r := range containerAttrs {
		if r.Cost == Free || seen[r.Name] {
			t.Errorf("%s: a row that costs nothing, or a second one, would be compared for nothing", r.Name)
		}
		seen[r.Name] = true
	}
}

// fieldsNotCompared has the fields of spec.Container that no attribute shows, by their names in JSON, and why.
var fieldsNotCompared = map[string]string{
	"name":       "it follows from the address; see outside",
	"image.addr": "it tells which block says it; what counts is the name and the digest",
}

// TestEveryFieldIsCompared: a field that no row reads would be decoded, and a change of it never applied.
func TestEveryFieldIsCompared(t *testing.T) {
	fill := func(n int) (*spec.Container, string) { // with its nth leaf changed
		c, changed, i := new(spec.Container), "", 0
		eachLeaf(reflect.ValueOf(c).Elem(), "", func(path string, v reflect.Value) {
			if i == n {
				changed = path
				change(v)
			}
			i++
		})
		return normal(c, host), changed
	}
	was, _ := fill(-1)
	n := 0
	for ; ; n++ {
		is, changed := fill(n)
		if changed == "" {
			break
		}
		differs := len(compareContainers(&LiveContainer{}, was, is, nil)) > 0
		switch not := isPartOf(changed, containersNotCompared) || isPartOf(changed, fieldsNotCompared); {
		case not && differs:
			t.Errorf("%s is compared, and is said not to be", changed)
		case !not && !differs:
			t.Errorf("%s differs, and no row reads it", changed)
		}
	}
	if n < 30 {
		t.Fatalf("found %d fields: that can't be all", n)
	}
}

// eachLeaf fills a struct with values, and visits each field that isn't a struct, with its path by the names in JSON.
func eachLeaf(v reflect.Value, path string, visit func(string, reflect.Value)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Type == reflect.TypeFor[spec.Block]() || !f.IsExported() {
				continue
			}
			eachLeaf(v.Field(i), strings.TrimPrefix(path+"."+name, "."), visit)
		}
		return
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		eachLeaf(v.Elem(), path, visit)
		return
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		eachLeaf(v.Index(0), path, visit)
		return
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"k": "v"}))
	case reflect.String:
		v.SetString("v")
	case reflect.Bool:
		v.SetBool(true)
	default:
		v.SetInt(7)
	}
	visit(path, v)
}

// change gives a leaf another value.
func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"k": "other"}))
	case reflect.String:
		v.SetString("other")
	case reflect.Bool:
		v.SetBool(false)
	default:
		v.SetInt(8)
	}
}
