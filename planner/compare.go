package planner

import (
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// compare is the only comparison of containers in fairlead: both sides in normal form, row by row. ignore has names of rows to pass
// over, or "all". Unknown counts as different.
func compare(have *LiveContainer, live, want *spec.Container, ignore []string) []Diff {
	w := comparing{want: want, live: live}
	all := slices.Contains(ignore, "all")
	for i := range containerTable {
		row := &containerTable[i]
		if all || slices.Contains(ignore, row.Name) || row.Unobservable != nil && row.Unobservable(have) {
			continue
		}
		before, after := row.Get(live), row.Get(want)
		if want.Marks.Unknown[row.Name] {
			after = cty.UnknownVal(after.Type())
		}
		if len(want.Marks.Unknown) == 0 && after.RawEquals(before) { // most are, and a walk makes maps of both
			continue
		}
		w.row = row
		w.value(row.Name, before, after)
	}
	return w.out
}

// initialDiffs gives what the files say of a new container, each attribute and each key of a map as a difference from nothing. What
// merely is as it is by default is left out: defaults has, by row, what an empty block says.
func initialDiffs(want *spec.Container, defaults []cty.Value) []Diff {
	w := comparing{want: want, live: &spec.Container{}}
	for i := range containerTable {
		row := &containerTable[i]
		after := row.Get(want)
		if want.Marks.Unknown[row.Name] {
			after = cty.UnknownVal(after.Type())
		}
		if after.IsKnown() && (after.IsNull() || after.RawEquals(defaults[i])) {
			continue
		}
		w.row = row
		w.value(row.Name, cty.NullVal(after.Type()), after)
	}
	return w.out
}

// defaults gives the rows of an empty block.
func (pb *planBuilder) defaults() []cty.Value {
	if pb.defaultRows == nil {
		plain := normal(&spec.Container{}, pb.have.Host)
		for i := range containerTable {
			pb.defaultRows = append(pb.defaultRows, containerTable[i].Get(plain))
		}
	}
	return pb.defaultRows
}

// comparing goes down two values of one row side by side.
type comparing struct {
	row        *attr
	want, live *spec.Container
	out        []Diff
}

func (w *comparing) value(path string, before, after cty.Value) {
	if w.want.Marks.Unknown[path] {
		after = cty.UnknownVal(after.Type())
	}
	if !after.IsKnown() {
		w.differ(path, before, after)
		return
	}
	if w.want.Marks.Sensitive[path] || w.live.Marks.Sensitive[path] { // so are the keys
		w.leaf(path, before, after)
		return
	}
	if !hasElements(before) && !hasElements(after) || isList(before) != isList(after) || isList(after) && (before.IsNull() || after.IsNull()) {
		w.leaf(path, before, after)
		return
	}
	b, a := elements(path, before), elements(path, after)
	for _, k := range keysOf(b, a, isList(after)) {
		bv, was := b[k]
		av, is := a[k]
		if is && w.want.Marks.Unknown[k] {
			av = cty.UnknownVal(av.Type())
		}
		switch {
		case was && is:
			w.value(k, bv, av)
		case is:
			w.differ(k, cty.NullVal(av.Type()), av)
		default:
			w.differ(k, bv, cty.NullVal(bv.Type()))
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
	keys := make([]string, 0, len(a))
	for k := range a {
		keys = append(keys, k)
	}
	for k := range b {
		if _, both := a[k]; !both {
			keys = append(keys, k)
		}
	}
	sort.Slice(keys, func(i, j int) bool {
		if byIndex && len(keys[i]) != len(keys[j]) {
			return len(keys[i]) < len(keys[j])
		}
		return keys[i] < keys[j]
	})
	return keys
}

func (w *comparing) leaf(path string, before, after cty.Value) {
	if before.IsNull() != after.IsNull() || !before.IsNull() && !before.RawEquals(after) {
		w.differ(path, before, after)
	}
}

func (w *comparing) differ(path string, before, after cty.Value) {
	cost := w.row.Cost
	if w.row.CostOf != nil {
		cost = w.row.CostOf(before, after)
	}
	secret := holdsSecret(w.want, path) || holdsSecret(w.live, path)
	w.out = append(w.out, Diff{Path: path, Before: before, After: after, Cost: cost, Secret: secret})
}

// holdsSecret tells whether the value at path, what it is part of, or a part of it, must not be shown.
func holdsSecret(c *spec.Container, path string) bool {
	for secret := range c.Marks.Sensitive {
		if secret == path || strings.HasPrefix(path, secret+"[") || strings.HasPrefix(secret, path+"[") {
			return true
		}
	}
	return false
}

// elements gives the parts of a collection by their paths as people write them. A list has an index for each place, as its
// elements mean what their places say; a set differs as a whole, as its elements have no names.
func elements(path string, v cty.Value) map[string]cty.Value {
	if !hasElements(v) {
		return nil
	}
	out := make(map[string]cty.Value, v.LengthInt())
	switch t := v.Type(); {
	case t.IsMapType():
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

// reason says a difference as a clause.
func reason(d Diff) string {
	if d.Outside {
		return d.Path + " was changed outside fairlead"
	}
	for i := range containerTable {
		if row := &containerTable[i]; row.Name == d.Path && row.Reason != nil {
			return row.Reason(d.Before, d.After)
		}
	}
	return d.Path + " differs"
}
