package spec

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSortByReference(t *testing.T) {
	refs := map[string][]string{"a": {"c", "x"}, "b": {"a"}, "d": {"e"}, "e": {"f"}, "f": {"e"}}
	var cycles [][]string
	got := SortByReference([]string{"b", "a", "c", "d", "e", "f", "b"}, func(n string) []string { return refs[n] }, func(path []string) {
		cycles = append(cycles, append([]string{}, path...))
	})
	if d := cmp.Diff([]string{"c", "a", "b", "f", "e", "d"}, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([][]string{{"e", "f"}}, cycles); d != "" {
		t.Error(d)
	}
}
