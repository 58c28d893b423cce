package planner

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// What a build or an import gives is known once it has run. Until then a token stands for its digest, in the values that references
// give and in the ops that come after. It has a digest's form, so that everything that takes a digest takes it.

// tokenOf is the token of an image's digest. A twin is another one, to find out what depends on it.
func tokenOf(a spec.Addr, twin bool) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "fairlead: the result of %s, twin %v", a, twin))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// WithResults gives the op with each token in it replaced by the digest that it stands for.
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
	if op, ok := op.(*CreateContainer); ok && op.Was != "" {
		return op.ID, op.Was
	}
	return "", ""
}

func withResults(b json.RawMessage, results map[string]string) json.RawMessage {
	for token, digest := range results {
		b = bytes.ReplaceAll(b, []byte(token), []byte(digest))
	}
	return b
}

// hasToken tells whether a value has one of the plan's tokens in it.
func (m *maker) hasToken(v cty.Value) bool {
	if len(m.tokens) == 0 || v == cty.NilVal || !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
		return false
	}
	s := v.AsString()
	for t := range m.tokens {
		if strings.Contains(s, t) {
			return true
		}
	}
	return false
}

// hideTokens shows what only the apply will tell as such.
func (m *maker) hideTokens() {
	for _, w := range m.works {
		for i, d := range w.change.Diffs {
			if m.hasToken(d.After) {
				w.change.Diffs[i].After = cty.UnknownVal(cty.String)
			}
		}
	}
}
