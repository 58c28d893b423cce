package spec

import (
	"fmt"
	"sort"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"
)

// expand makes a block's instances.
func (e *evaluator) expand(n *node) {
	n.byKey = map[string]*instance{}
	attrs := n.block.Body.Attributes
	each, count := attrs["for_each"], attrs["count"]
	switch {
	case !n.kind.schema.repeats:
		e.addInstance(n, "", nil)
	case each != nil && count != nil:
		e.fail(fault(count.NameRange, "Two ways to repeat", "A block has for_each or count, not both. Take one out."))
		n.bad = true
	case each != nil:
		e.expandEach(n, each.Expr)
	case count != nil:
		e.expandCount(n, count.Expr)
	default:
		e.addInstance(n, "", nil)
	}
	n.unread = n.repeat != "" && n.bad && len(n.instances) == 0
}

func (e *evaluator) addInstance(n *node, key string, vars map[string]cty.Value) {
	i := &instance{addr: Addr{Kind: n.kind.name, Name: n.name.label, Key: key}, vars: vars}
	n.instances = append(n.instances, i)
	n.byKey[key] = i
}

// evalRepetition evaluates for_each or count; false if it cannot be used, which is said.
func (e *evaluator) evalRepetition(n *node, expr hcl.Expression) (cty.Value, bool) {
	if n.wrongIn(expr.Range()) {
		n.bad = true
		return cty.NilVal, false
	}
	e.budget.at = expr.Range()
	v, diags := expr.Value(e.context(n, nil))
	e.fail(diags...)
	at := expr.Range()
	switch {
	case diags.HasErrors():
	case v.IsMarked() || (!v.IsWhollyKnown() && v.ContainsMarked()):
		e.fail(fault(at, "Sensitive value", "%s may not be sensitive: the instances' names would show it. Keep the secret part in other attributes, or use nonsensitive().", n.repeat))
	case !v.IsKnown() && n.bad: // broken further up, and said there
	case !v.IsKnown():
		e.fail(fault(at, "Value not known yet", "%s must be known while planning, and this is known only after apply. Build it from variables and local values.", n.repeat))
	case v.IsNull():
		e.fail(fault(at, "Null value", "%s may not be null. For no instances write %s.", n.repeat, map[string]string{"for_each": "{}", "count": "0"}[n.repeat]))
	default:
		return v, true
	}
	n.bad = true
	return cty.NilVal, false
}

// countInstances counts the instances of a block; false, and said, if they are too many with those of the others.
func (e *evaluator) countInstances(n *node, many int, at hcl.Range) bool {
	if many <= e.budget.instances-e.instances {
		e.instances += many
		return true
	}
	e.fail(exceeded(at, fmt.Sprintf("%s has %d instances. The blocks of a stack have at most %d together, which is the limit", n.name, many, e.budget.instances)))
	n.bad = true
	return false
}

func (e *evaluator) expandEach(n *node, expr hcl.Expression) {
	v, ok := e.evalRepetition(n, expr)
	if !ok {
		return
	}
	ty := v.Type()
	isSet := ty.IsSetType() && (ty.ElementType() == cty.String || v.IsKnown() && v.LengthInt() == 0)
	switch {
	case ty.IsMapType(), ty.IsObjectType(), isSet:
	case ty.IsTupleType(), ty.IsListType():
		e.fail(fault(expr.Range(), "Wrong type", "for_each is a map or a set of strings, and this is a list, whose elements have no name of their own. Write toset([…]) if it holds different strings."))
		n.bad = true
		return
	default:
		e.fail(fault(expr.Range(), "Wrong type", "for_each is a map or a set of strings, and this is %s.", ty.FriendlyName()))
		n.bad = true
		return
	}
	if isSet && !v.IsWhollyKnown() {
		if !n.bad {
			e.fail(fault(expr.Range(), "Value not known yet", "for_each must be known while planning, and an element of this set is known only after apply. Build it from variables and local values."))
		}
		n.bad = true
		return
	}
	if !e.countInstances(n, v.LengthInt(), expr.Range()) {
		return
	}
	for it := v.ElementIterator(); it.Next(); {
		k, el := it.Element()
		if isSet {
			k = el
		}
		k, _ = k.Unmark()
		if k.IsNull() || k.AsString() == "" {
			e.fail(fault(expr.Range(), "Empty key", "A key of for_each may be neither empty nor null: it names the instance."))
			n.bad = true
			continue
		}
		e.addInstance(n, strconv.Quote(k.AsString()), map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": k, "value": el})})
	}
	sort.SliceStable(n.instances, func(i, j int) bool { return n.instances[i].addr.Key < n.instances[j].addr.Key })
}

func (e *evaluator) expandCount(n *node, expr hcl.Expression) {
	v, ok := e.evalRepetition(n, expr)
	if !ok {
		return
	}
	v, err := convert.Convert(v, cty.Number)
	var many int
	if err == nil {
		err = gocty.FromCtyValue(v, &many)
	}
	if err != nil || many < 0 {
		e.fail(fault(expr.Range(), "Wrong type", "count is a whole number from 0 to %d.", e.budget.instances))
		n.bad = true
		return
	}
	if !e.countInstances(n, many, expr.Range()) {
		return
	}
	for i := range many {
		e.addInstance(n, strconv.Itoa(i), map[string]cty.Value{"count": cty.ObjectVal(map[string]cty.Value{"index": cty.NumberIntVal(int64(i))})})
	}
}
