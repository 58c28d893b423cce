package view

import (
	"strings"
	"testing"
)

func TestWrap(t *testing.T) {
	paint := Style{Color: true}.paint
	for _, c := range []struct {
		in      string
		columns int
		want    string
	}{
		{"short", 20, "short"},
		{"no terminal, no end of the line", 0, "no terminal, no end of the line"},
		{"one two three four", 9, "one two\n    three\n    four"},
		{"  # a is made: because   x.hcl:1", 22, "  # a is made: because\n      x.hcl:1"},
		{"abcdefghij", 4, "abcd\n  ef\n  gh\n  ij"},
		{"日本語日本語 日本語", 12, "日本語日本語\n    日本語"},
		{"日本語日本語", 7, "日本語\n   日本\n   語"},
		{paint(red, "one two") + " three", 9, paint(red, "one two") + "\n    three"},
		{"a\nb c d e f\ng", 5, "a\nb c d\n  e f\ng"},
	} {
		got := Wrap(c.in, c.columns)
		if got != c.want {
			t.Errorf("Wrap(%q, %d): %q, want %q", c.in, c.columns, got, c.want)
		}
	}
}

func FuzzWrap(f *testing.F) {
	f.Add("  one two  three 日本語 \x1b[31m", 7)
	f.Fuzz(func(t *testing.T, s string, columns int) {
		if columns < 8 || columns > 200 || len(s) > 1000 {
			t.Skip()
		}
		s = strings.ReplaceAll(Line(s), `\n`, "\n")
		got := Wrap(s, columns)
		for _, l := range strings.Split(got, "\n") {
			if columnsOf(l) > columns {
				t.Fatalf("Wrap(%q, %d): the line %q has %d columns", s, columns, l, columnsOf(l))
			}
		}
		bare := strings.NewReplacer(" ", "", "\n", "")
		if bare.Replace(got) != bare.Replace(s) {
			t.Errorf("Wrap(%q, %d) loses text: %q", s, columns, got)
		}
	})
}
