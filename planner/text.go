package planner

import (
	"fmt"
	"strconv"
	"strings"
)

// String writes one line a step: `[1,2] -> #3 create container.web, image.app is new`. It is the language of planner's tests.
func (p *Plan) String() string {
	var b strings.Builder
	for _, s := range p.Steps {
		ids := make([]string, len(s.After))
		for i, a := range s.After {
			ids[i] = strconv.Itoa(a)
		}
		fmt.Fprintf(&b, "[%s] -> #%d %s, %s", strings.Join(ids, ","), s.ID, Title(p, s), s.Cause)
		if len(s.Undo) > 0 {
			words := make([]string, len(s.Undo))
			for i, op := range s.Undo {
				words[i] = Verb(op)
			}
			fmt.Fprintf(&b, " {undo: %s}", strings.Join(words, ", "))
		}
		if len(s.If) > 0 {
			fmt.Fprintf(&b, " {if: %s}", strings.Trim(fmt.Sprint(s.If), "[]"))
		}
		if s.Uninterruptible {
			b.WriteString(" {uninterruptible}")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// IsRecord tells whether a change is of a record that has no block of its own, or of one name of several.
func (c *Change) IsRecord() bool {
	return c.Object != "" && (c.Addr.IsZero() || kindRow(c.Addr.Kind).records)
}

// NeedsVerb tells whether a change's action says too little of what happens.
func (c *Change) NeedsVerb() bool {
	return c.Action == Update || c.Action == Remove || kindRow(c.Addr.Kind).records
}

// Title is a step as people name it: "create container.web", "stop container.web (old)", "untag shop/app:0.9".
func Title(p *Plan, s *Step) string {
	row := RowOf(s.Op)
	if many := row.roles[roleMany].of(s.Op); many.IsValid() {
		return row.Verb + " " + Count(many.Len(), "object")
	}
	if s.Change < 0 || s.Change >= len(p.Changes) {
		return row.Verb + " " + row.ObjectID(s.Op)
	}
	c := p.Changes[s.Change]
	switch {
	case row.Is(TitledByName):
		return row.Verb + " " + familiar(row.ObjectName(s.Op))
	case c.IsRecord():
		return row.Verb + " " + c.Object
	case c.Old != "" && c.Old == row.ObjectID(s.Op):
		return row.Verb + " " + c.Addr.String() + " (old)"
	}
	return row.Verb + " " + c.Addr.String()
}
