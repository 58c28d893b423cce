package planner

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// The digest of what is built or imported is known once that has run, and which of two containers has an address where one of them may be left
// alone. In expressions such a value is unknown. In ops alone, and in what attributes carry into them, a placeholder stands for it.

// placeholderPrefix begins the placeholder of a digest, which is as long as a digest is. Saved plans have it.
const placeholderPrefix = "pending:"

// placeholder makes one for a digest: no text of a file or of the host has it.
func (pb *planBuilder) placeholder() string {
	p := placeholderPrefix + pb.newID()[:len("sha256:")+64-len(placeholderPrefix)]
	pb.placeholders[p] = true
	return p
}

// WithResults gives the op with each placeholder in it replaced by what it stands for.
func WithResults(op Op, results map[string]string) (Op, error) {
	if len(results) == 0 {
		return op, nil
	}
	was, err := encodeOp(op)
	if err != nil {
		return nil, err
	}
	is := withResults(was.Op, results)
	if bytes.Equal(is, was.Op) {
		return op, nil
	}
	return decodeOp(fileOp{Kind: was.Kind, Op: is})
}

// PassedOver gives what a placeholder stands for once the op that would have told it is passed over; "" where there is none.
func PassedOver(op Op) (placeholder, is string) {
	r := RowOf(op)
	if is = r.text(op, roleWas); is == "" {
		return "", ""
	}
	return r.text(op, roleResult), is
}

func withResults(b json.RawMessage, results map[string]string) json.RawMessage {
	for placeholder, is := range results {
		b = bytes.ReplaceAll(b, []byte(placeholder), []byte(is))
	}
	return b
}

// hasPlaceholder tells whether a value has a placeholder in any part of it.
func (pb *planBuilder) hasPlaceholder(v cty.Value) bool {
	if len(pb.placeholders) == 0 || v == cty.NilVal {
		return false
	}
	found := false
	_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		if v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
			s := v.AsString()
			for p := range pb.placeholders {
				found = found || strings.Contains(s, p)
			}
		}
		return !found, nil
	})
	return found
}

// hidePlaceholders shows what only the apply will tell as such.
func (pb *planBuilder) hidePlaceholders() {
	for _, w := range pb.changes {
		for i, d := range w.change.Diffs {
			if pb.hasPlaceholder(d.After) {
				w.change.Diffs[i].After = cty.UnknownVal(d.After.Type())
			}
		}
	}
}
