package planner

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// pair is the two sides of a comparison, in normal form, with what of them is secret or unknown.
type pair[T any] struct {
	live, want           *T
	liveMarks, wantMarks spec.Marks
}

// compare is the only comparison of blocks in fairlead, row by row. ignore has names of rows to pass over, or "all". Unknown counts as
// different.
func compare[T any](rows []attr[T], have *Live, p pair[T], ignore []string) []Diff {
	w := comparing{live: p.liveMarks, want: p.wantMarks}
	all := slices.Contains(ignore, "all")
	for i := range rows {
		r := &rows[i]
		if all || slices.Contains(ignore, r.Name) || r.Unobservable != nil && r.Unobservable(have) {
			continue
		}
		before, after := r.Get(p.live), r.Get(p.want)
		if len(w.want.Unknown) == 0 && after.RawEquals(before) { // most are, and a walk makes maps of both
			continue
		}
		w.value(r, r.Name, before, after)
	}
	return w.out
}

// initialDiffs gives what the files say of a new object, each attribute and each key of a map as a difference from nothing. What merely is
// as it is by default is left out: defaults has, by row, what an empty block says.
func initialDiffs[T any](rows []attr[T], want *T, defaults []cty.Value, marks spec.Marks) []Diff {
	w := comparing{want: marks}
	for i := range rows {
		r := &rows[i]
		after := r.Get(want)
		if marks.Unknown[r.Name] || !after.IsNull() && !after.RawEquals(defaults[i]) {
			w.value(r, r.Name, cty.NullVal(after.Type()), after)
		}
	}
	return w.out
}

// valuesOf gives what each row reads of a block.
func valuesOf[T any](rows []attr[T], of *T) []cty.Value {
	out := make([]cty.Value, len(rows))
	for i := range rows {
		out[i] = rows[i].Get(of)
	}
	return out
}

// comparing goes down the two values of a row side by side.
type comparing struct {
	live, want spec.Marks
	out        []Diff
}

func (w *comparing) value(r row, path string, before, after cty.Value) {
	if w.want.Unknown[path] {
		after = cty.UnknownVal(after.Type())
	}
	if !after.IsKnown() {
		w.differ(r, path, before, after)
		return
	}
	if w.want.Sensitive[path] || w.live.Sensitive[path] { // so are the keys
		w.leaf(r, path, before, after)
		return
	}
	if !hasElements(before) && !hasElements(after) || isList(before) != isList(after) || isList(after) && (before.IsNull() || after.IsNull()) {
		w.leaf(r, path, before, after)
		return
	}
	severalBlocks := r.blockKey() != ""
	b, a := elements(path, before, severalBlocks), elements(path, after, severalBlocks)
	for _, k := range keysOf(b, a, isList(after)) {
		bv, was := b[k]
		av, is := a[k]
		part := partOf(r, k[len(path):])
		if is && w.want.Unknown[k] {
			av = cty.UnknownVal(av.Type())
		}
		switch {
		case was && is:
			w.value(part, k, bv, av)
		case is:
			w.differ(part, k, cty.NullVal(av.Type()), av)
		default:
			w.differ(part, k, bv, cty.NullVal(bv.Type()))
		}
	}
}

func hasElements(v cty.Value) bool {
	t := v.Type()
	return !v.IsNull() && v.IsKnown() && (t.IsMapType() || t.IsObjectType() || t.IsListType() && v.LengthInt() > 0)
}

func isList(v cty.Value) bool { return v.Type().IsListType() }

// keysOf gives the paths of both sides in order: by index, or by name.
func keysOf(b, a map[string]cty.Value, byIndex bool) []string {
	keys := slices.AppendSeq(make([]string, 0, len(a)), maps.Keys(a))
	for k := range b {
		if _, both := a[k]; !both {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(x, y string) int {
		if byIndex && len(x) != len(y) {
			return len(x) - len(y)
		}
		return strings.Compare(x, y)
	})
	return keys
}

func (w *comparing) leaf(r row, path string, before, after cty.Value) {
	if before.IsNull() != after.IsNull() || !before.IsNull() && !before.RawEquals(after) {
		w.differ(r, path, before, after)
	}
}

func (w *comparing) differ(r row, path string, before, after cty.Value) {
	secret := holdsSecret(w.want, path) || holdsSecret(w.live, path)
	w.out = append(w.out, Diff{Path: path, Before: before, After: after, Cost: r.costOf(before, after), Secret: secret})
}

// holdsSecret tells whether the value at path, what it is part of, or a part of it, must not be shown.
func holdsSecret(m spec.Marks, path string) bool {
	for secret := range m.Sensitive {
		if secret == path || strings.HasPrefix(path, secret+"[") || strings.HasPrefix(secret, path+"[") {
			return true
		}
	}
	return false
}

// elements gives the parts of a collection by their paths as people write them. A list has an index for each place, as its elements mean
// what their places say; a set differs as a whole, as its elements have no names. Several blocks have keys that users chose: all are
// quoted.
func elements(path string, v cty.Value, severalBlocks bool) map[string]cty.Value {
	if !hasElements(v) {
		return nil
	}
	out := make(map[string]cty.Value, v.LengthInt())
	switch t := v.Type(); {
	case t.IsMapType() || severalBlocks:
		for k, el := range v.AsValueMap() {
			out[path+"["+strconv.Quote(k)+"]"] = el
		}
	case t.IsObjectType():
		for k, el := range v.AsValueMap() {
			out[Member(path, k)] = el
		}
	default:
		for i, el := range v.AsValueSlice() {
			out[path+"["+strconv.Itoa(i)+"]"] = el
		}
	}
	return out
}

var word = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Member is the path of an object's member, as people write it.
func Member(path, k string) string {
	if path == "" {
		return k
	}
	if word.MatchString(k) {
		return path + "." + k
	}
	return path + "[" + strconv.Quote(k) + "]"
}

// outside gives what somebody else changed of a container and no row shows. But for its name, only a new container is as the files
// say again.
func outside(l *LiveContainer, want *spec.Container) []Diff {
	var out []Diff
	if l.Owner != nil && l.Name != want.Name {
		out = append(out, Diff{Path: "name", Before: text(l.Name), After: text(want.Name), Cost: Relabel, Outside: true})
	}
	for _, d := range l.Drift {
		out = append(out, Diff{Path: d.Path, Before: d.Is, After: d.Was, Cost: Recreate, Outside: true})
	}
	return out
}

// dearest is the cost of a change with these differences.
func dearest(diffs []Diff) Cost {
	c := Free
	for _, d := range diffs {
		c = max(c, d.Cost)
	}
	return c
}

// reason says a difference in one of rows as a clause.
func reason[T any](rows []attr[T], d Diff) string {
	if d.Outside {
		return d.Path + " was changed outside fairlead"
	}
	for i := range rows {
		if r := &rows[i]; r.Reason != nil && r.Name == attrOf(d.Path) {
			return r.Reason(d.Before, d.After)
		}
	}
	return d.Path + " differs"
}
