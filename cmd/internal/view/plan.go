package view

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/planner"
)

// Plan writes a plan for the person who must approve it.
func Plan(w io.Writer, p *planner.Plan, s Style) error {
	var b strings.Builder
	for _, c := range p.Changes {
		writeChange(&b, printable(c), s)
	}
	if len(p.Steps) > 0 {
		writeSteps(&b, p, s)
	}
	fmt.Fprintln(&b, Summary(p))
	_, err := io.WriteString(w, Wrap(b.String(), s.Width))
	return err
}

// printable is a change with each text of it fit to be a piece of a line.
func printable(c *planner.Change) *planner.Change {
	out := *c
	out.Object, out.Reasons, out.Notes, out.Diffs = Line(c.Object), asLines(c.Reasons), asLines(c.Notes), slices.Clone(c.Diffs)
	for i := range out.Diffs {
		out.Diffs[i].Path = Line(out.Diffs[i].Path)
	}
	return &out
}

func asLines(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = Line(t)
	}
	return out
}

// stepTitle is a step's title as a piece of a line.
func stepTitle(p *planner.Plan, step *planner.Step) string { return Line(planner.Title(p, step)) }

func writeChange(w io.Writer, c *planner.Change, s Style) {
	left := "  # " + changeTitle(c) + ": " + strings.Join(c.Reasons, "; ")
	if at := fileAndLine(c.Decl); at != "" {
		left += strings.Repeat(" ", max(2, s.width()-columnsOf(left)-columnsOf(at))) + at
	}
	fmt.Fprintln(w, s.paint(dim, left))
	sym := symbols[c.Action]
	line := changeLine(c)
	below := c.Notes
	if notes := strings.Join(c.Notes, "; "); len(c.Notes) == 1 || notes != "" && columnsOf(line+notes)+6 <= s.width() {
		line, below = line+"  "+notes, nil
	}
	fmt.Fprintf(w, "%s %s\n", s.paint(sym.color, sym.mark), s.paint(bold, line))
	for _, n := range below {
		fmt.Fprintln(w, "      "+n)
	}
	wide := 0
	for _, d := range c.Diffs {
		if n := columnsOf(d.Path); n <= maxAlign {
			wide = max(wide, n)
		}
	}
	for _, d := range c.Diffs {
		writeDiff(w, d, wide, c.Action, s)
	}
}

// changeTitle says what happens to what: "container.web is replaced".
func changeTitle(c *planner.Change) string {
	name := c.Addr.String()
	if c.IsRecord() {
		name = c.Object
	}
	return name + " is " + participleOf(c.Verb)
}

func changeLine(c *planner.Change) string {
	switch {
	case c.IsRecord():
		return fmt.Sprintf("image %q  %s", c.Object, c.Verb)
	case c.NeedsVerb():
		return c.Addr.String() + "  " + c.Verb
	}
	return c.Addr.String()
}

// participles of the verbs that aren't made by adding "ed".
var participles = map[string]string{
	"create": "created", "replace": "replaced", "remove": "removed", "stop": "stopped", "run": "run", "untag": "untagged",
	"tag": "tagged", "build": "built", "register": "registered", "relabel": "relabelled", "pause": "paused", "resume": "resumed", "move": "moved",
}

func participleOf(verb string) string {
	if p, ok := participles[verb]; ok {
		return p
	}
	if strings.HasSuffix(verb, "e") {
		return verb + "d"
	}
	return verb + "ed"
}

// maxAlign is the longest path that moves the values of the others to the right.
const maxAlign = 24

func writeDiff(w io.Writer, d planner.Diff, wide int, action planner.Action, s Style) {
	mark, color := "~", yellow
	before, after := valueText(d.Before, d.Secret), valueText(d.After, d.Secret)
	if d.Outside { // whole lists of the container's record
		before, after = shorten(before), shorten(after)
	}
	if d.Path == "image" {
		before, after = familiarName(before), familiarName(after)
	}
	text := fmt.Sprintf("%-*s = %s -> %s", wide, d.Path, before, after)
	switch {
	case isNull(d.Before):
		mark, color = "+", green
		text = fmt.Sprintf("%-*s = %s", wide, d.Path, after)
	case isNull(d.After):
		mark, color = "-", red
		text = fmt.Sprintf("%-*s = %s", wide, d.Path, before)
	}
	if cost := costs[d.Cost]; cost != "" && action != planner.Create && action != planner.Run {
		text += s.paint(dim, "   # "+cost)
	}
	fmt.Fprintf(w, "      %s %s\n", s.paint(color, mark), text)
}

// familiarName leaves out of a quoted image name what everybody leaves out.
func familiarName(quoted string) string {
	return strings.Replace(strings.Replace(quoted, `"docker.io/`, `"`, 1), `"library/`, `"`, 1)
}

func isNull(v cty.Value) bool { return v == cty.NilVal || v.IsKnown() && v.IsNull() }

func fileAndLine(r *hcl.Range) string {
	if r == nil || r.Filename == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", Line(filepath.Base(r.Filename)), r.Start.Line)
}

// manySteps is how many step names a plan shows before it counts the rest.
const manySteps = 20

// writeSteps writes the order in which things happen, wrapped.
func writeSteps(w io.Writer, p *planner.Plan, s Style) {
	var parts []string
	for _, step := range p.Steps {
		if len(parts) == manySteps && len(p.Steps) > manySteps+1 {
			parts = append(parts, fmt.Sprintf("and %d more", len(p.Steps)-manySteps))
			break
		}
		parts = append(parts, fmt.Sprintf("%d %s", step.ID, stepTitle(p, step)))
	}
	line := "\nSteps:"
	used := len("Steps:")
	for i, part := range parts {
		sep := " "
		if i > 0 {
			sep = " · "
		}
		after := 0 // the mark behind a part that another one follows on the next line
		if i < len(parts)-1 {
			after = columnsOf(" ·")
		}
		if used+columnsOf(sep+part)+after > s.width() && i > 0 {
			line += " ·\n      "
			used, sep = 6, " "
		}
		line += sep + part
		used += columnsOf(sep + part)
	}
	fmt.Fprintln(w, line)
}

// verbs is the order in which a summary counts.
var verbs = []string{"register", "pull", "load", "build", "import", "tag", "push", "adopt", "create", "run", "replace", "start", "stop", "pause", "resume", "relabel", "remove", "untag"}

// Summary is the plan in one line.
func Summary(p *planner.Plan) string {
	if p.Empty() {
		return "No changes. The host is as the files say."
	}
	out := "Plan: " + countActions(p, func(n int, verb string) string { return fmt.Sprintf("%d to %s", n, verb) }) + "."
	var down []string
	for _, o := range p.Summary.Outages {
		down = append(down, fmt.Sprintf("%s about %s", o.Addr, Duration(o.About)))
	}
	if len(down) > 0 {
		out += " Outage: " + strings.Join(down, ", ") + "."
	}
	downloads, frees := "Downloads nothing", "frees nothing"
	if p.Summary.Downloads > 0 {
		downloads = "Downloads at most " + planner.Bytes(p.Summary.Downloads)
	}
	if p.Summary.Frees > 0 {
		frees = "frees " + planner.Bytes(p.Summary.Frees)
		if p.Summary.FreesMost {
			frees = "frees at most " + planner.Bytes(p.Summary.Frees)
		}
	}
	return out + " " + downloads + ", " + frees + "."
}

// Done says what was done, and how long it took. Left are the changes that came to nothing, as what they hang on came out as before.
func Done(p *planner.Plan, left map[int]bool, took time.Duration) string {
	actual := &planner.Plan{Summary: planner.Summary{Actions: map[string]int{}}}
	for i, c := range p.Changes {
		if !left[i] {
			actual.Summary.Actions[c.Verb]++
		}
	}
	out := countActions(actual, func(n int, verb string) string { return fmt.Sprintf("%d %s", n, participleOf(verb)) })
	if len(left) > 0 {
		out += fmt.Sprintf(", %d left alone", len(left))
	}
	return fmt.Sprintf("Done in %s: %s.", Duration(took), out)
}

// countActions says how many changes of each verb there are.
func countActions(p *planner.Plan, say func(n int, verb string) string) string {
	var out []string
	known := verbs
	for _, verb := range slices.Sorted(maps.Keys(p.Summary.Actions)) {
		if !slices.Contains(known, verb) {
			known = append(slices.Clip(known), verb)
		}
	}
	for _, verb := range known {
		if n := p.Summary.Actions[verb]; n > 0 {
			out = append(out, say(n, verb))
		}
	}
	return strings.Join(out, ", ")
}

// Duration is a time for people: "310 ms", "1.4 s", "2 min 5 s".
func Duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Round(10*time.Millisecond).Milliseconds())
	case d < time.Minute:
		return strconv.FormatFloat(d.Round(100*time.Millisecond).Seconds(), 'f', -1, 64) + " s"
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}
