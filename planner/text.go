package planner

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fairlead-dev/fairlead/spec"
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

// Title is a step as people name it: "create container.web", "stop container.web (old)", "untag shop/app:0.9".
func Title(p *Plan, s *Step) string {
	verb := Verb(s.Op)
	if op, ok := s.Op.(*CheckUnmoved); ok {
		return verb + " " + Count(len(op.Touches), "object")
	}
	if s.Change < 0 || s.Change >= len(p.Changes) {
		return verb + " " + opID(s.Op)
	}
	c := p.Changes[s.Change]
	switch op := s.Op.(type) {
	case *TagImage:
		return verb + " " + familiar(op.Name)
	case *PushImage:
		return verb + " " + familiar(op.To)
	case *UntagImage:
		return verb + " " + familiar(op.Name)
	case *RelabelImage:
		return verb + " " + familiar(op.Name)
	}
	if c.Object != "" && (c.Addr.IsZero() || c.Addr.Kind == spec.KindImage) {
		return verb + " " + c.Object
	}
	title := verb + " " + c.Addr.String()
	if c.Old != "" && c.Old == opID(s.Op) {
		title += " (old)"
	}
	return title
}

// opID is the ID of the container that an op is about; "" for the ops of images.
func opID(op Op) string {
	switch op := op.(type) {
	case *CreateContainer:
		return op.ID
	case *StartTask:
		return op.ID
	case *AwaitReady:
		return op.ID
	case *ClearPending:
		return op.ID
	case *StopTask:
		return op.ID
	case *PauseTask:
		return op.ID
	case *ResumeTask:
		return op.ID
	case *RelabelContainer:
		return op.ID
	case *RemoveContainer:
		return op.ID
	}
	return ""
}

// Verb is what an op does, in a word.
func Verb(op Op) string {
	for _, k := range kinds {
		if k.is(op) {
			return k.verb
		}
	}
	return "unknown"
}
