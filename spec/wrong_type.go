package spec

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// wrongType says what an attribute is, and what was written.
func (d *decoder) wrongType(a *hcl.Attribute, v cty.Value, ty cty.Type, err error) *hcl.Diagnostic {
	at := a.Expr.Range()
	if ty == cty.List(cty.String) && v.Type().IsPrimitiveType() {
		hint := ""
		if v.Type() == cty.String && slices.Contains([]string{"command", "cmd", "entrypoint"}, a.Name) {
			words := strings.Fields(v.AsString())
			if len(words) > 0 && len(words) < 8 && !strings.ContainsAny(v.AsString(), `"'|&;<>$`+"`\\") {
				for i := range words {
					words[i] = strconv.Quote(words[i])
				}
				hint = " Write [" + strings.Join(words, ", ") + "]."
			} else {
				hint = ` For a shell's line write ["sh", "-c", "…"].`
			}
			return fault(at, "Wrong type", "The attribute %s is a list of strings, one for each word: no shell splits it.%s", a.Name, hint)
		}
		return fault(at, "Wrong type", "The attribute %s is a list of strings, and this is %s. Put it in brackets: [ … ].", a.Name, kindText(v.Type()))
	}
	why := ""
	if !d.isSensitive(a.Name) && v.CanIterateElements() && (ty.IsListType() && !v.Type().IsObjectType() || ty.IsMapType() && v.Type().IsObjectType()) {
		why = ": " + conversionText(err)
	}
	return fault(at, "Wrong type", "The attribute %s is %s, and this is %s%s.", a.Name, typeText(ty), kindText(v.Type()), why)
}

// conversionText says what of a value does not fit its type.
func conversionText(err error) string {
	var pe cty.PathError
	if errors.As(err, &pe) && len(pe.Path) > 0 {
		var b strings.Builder
		for _, s := range pe.Path {
			switch s := s.(type) {
			case cty.GetAttrStep:
				b.WriteString("." + s.Name)
			case cty.IndexStep:
				b.WriteString("[" + keyOf(s.Key) + "]")
			}
		}
		return "at " + strings.TrimPrefix(b.String(), ".") + ", " + err.Error()
	}
	return err.Error()
}

// kindText says what a value is, in the words of the language's users.
func kindText(ty cty.Type) string {
	switch {
	case ty.IsTupleType(), ty.IsListType():
		return "a list"
	case ty.IsObjectType():
		return "an object"
	case ty.IsMapType():
		return "a map"
	case ty.IsSetType():
		return "a set"
	case ty == cty.String, ty == cty.Number, ty == cty.Bool:
		return "a " + ty.FriendlyName()
	}
	return ty.FriendlyName()
}

func typeText(ty cty.Type) string {
	switch {
	case ty == cty.String:
		return "a string"
	case ty == cty.Bool:
		return "true or false"
	case ty == cty.Number:
		return "a number"
	case ty == cty.List(cty.String):
		return "a list of strings"
	case ty == cty.Map(cty.String):
		return "a map of strings"
	}
	return ty.FriendlyName()
}
