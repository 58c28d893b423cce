package view

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// wide is a plan whose every part is wider than a terminal.
func wide() *planner.Plan {
	words := strings.Repeat("some words and a_longer_one ", 8)
	web := spec.Addr{Kind: spec.KindContainer, Name: strings.Repeat("web", 30)}
	p := &planner.Plan{Stack: "s", Summary: planner.Summary{Actions: map[string]int{"create": 1, "pull": 2}}}
	p.Changes = []*planner.Change{{Addr: web, Action: planner.Replace, Verb: "replace", Reasons: []string{words, "日本語 " + words}, Notes: []string{words, words},
		Decl: &hcl.Range{Filename: "shop.fairlead.hcl", Start: hcl.Pos{Line: 1234}},
		Diffs: []planner.Diff{
			{Path: `env["` + words + `"]`, Before: cty.StringVal(words), After: cty.StringVal("日本語" + words), Cost: planner.Recreate},
			{Path: "x", Before: cty.NullVal(cty.String), After: cty.StringVal(strings.Repeat("y", 300))},
		}}}
	for i := range 30 {
		p.Steps = append(p.Steps, &planner.Step{ID: i + 1, Op: &planner.TagImage{Name: words}, Change: 0})
	}
	return p
}

// TestNoLineIsWiderThanTheTerminal: with colours and without, at any width.
func TestNoLineIsWiderThanTheTerminal(t *testing.T) {
	p := wide()
	for _, columns := range []int{20, 60, 80, 140} {
		for _, color := range []bool{false, true} {
			s := Style{Width: columns, Color: color}
			var b bytes.Buffer
			if err := Plan(&b, p, s); err != nil {
				t.Fatal(err)
			}
			line := strings.Repeat("said words ", 30)
			progress := NewProgress(&b, p, s, true, false)
			at := time.Unix(1, 0)
			for i, kind := range []executor.EventKind{executor.Started, executor.Progressed, executor.Failed} {
				progress.Event(executor.Event{Kind: kind, Step: p.Steps[0], At: at.Add(time.Duration(i) * time.Minute), Err: errors.New("no"),
					Progress: executor.Progress{Done: 1, Total: 2, Note: line, Lines: []string{line, line}}})
			}
			progress.End()
			diag := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Wrong", Detail: line, Subject: &hcl.Range{Filename: "f", Start: hcl.InitialPos, End: hcl.InitialPos}}
			files := map[string]*hcl.File{"f": {Bytes: []byte(line)}}
			if err := Diagnostics(&b, hcl.Diagnostics{diag}, files, s); err != nil {
				t.Fatal(err)
			}
			for _, l := range strings.Split(b.String(), "\n") {
				if n := columnsOf(l); n > columns {
					t.Errorf("%d columns, colour %v: %d in %q", columns, color, n, l)
				}
			}
		}
	}
}

// TestStepsAreSeparatedOnTheirLine: the mark between two steps stands behind the first, at any width that has room for a step.
func TestStepsAreSeparatedOnTheirLine(t *testing.T) {
	p := &planner.Plan{Stack: "s", Summary: planner.Summary{Actions: map[string]int{"tag": 12}}}
	for i := range 12 {
		p.Steps = append(p.Steps, &planner.Step{ID: i + 1, Op: &planner.TagImage{Name: strings.Repeat("n", i)}, Change: 0})
	}
	for columns := 40; columns <= 140; columns++ {
		var b bytes.Buffer
		if err := Plan(&b, p, Style{Width: columns}); err != nil {
			t.Fatal(err)
		}
		for _, l := range strings.Split(b.String(), "\n") {
			if strings.TrimSpace(l) == "·" || columnsOf(l) > columns {
				t.Errorf("%d columns: %q", columns, l)
			}
		}
	}
}
