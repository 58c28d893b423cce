package view

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// digests finds a digest, and what of it is enough for people.
var digests = regexp.MustCompile(`(\bsha256:[0-9a-f]{12})[0-9a-f]{52}\b`)

// longest is how much of a value is shown that no file has, in characters.
const longest = 60

// shorten cuts off what is too long for people.
func shorten(s string) string {
	if r := []rune(s); len(r) > longest {
		return string(r[:longest]) + "…"
	}
	return s
}

// valueText writes one value as it would stand in a file. Secrets and unknowns are handled here and nowhere else.
func valueText(v cty.Value, secret bool) string {
	switch {
	case v == cty.NilVal || v.IsNull():
		return "null"
	case secret:
		return "(sensitive)"
	case !v.IsWhollyKnown():
		return "(known after apply)"
	case v.Type() == cty.String:
		return strconv.Quote(digests.ReplaceAllString(v.AsString(), "$1…"))
	case v.Type() == cty.Number:
		return v.AsBigFloat().Text('f', -1)
	case v.Type() == cty.Bool:
		return strconv.FormatBool(v.True())
	case v.Type().IsMapType() || v.Type().IsObjectType():
		var parts []string
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			if !e.IsNull() {
				parts = append(parts, fmt.Sprintf("%s = %s", Line(k.AsString()), valueText(e, false)))
			}
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case v.CanIterateElements():
		var parts []string
		for it := v.ElementIterator(); it.Next(); {
			_, e := it.Element()
			parts = append(parts, valueText(e, false))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return Line(v.GoString())
}
