package spec

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// tryFunc gives the first of its arguments that evaluates without an error. One that is not wholly known could still fail once it is,
// so it makes the result unknown; a mere reference cannot, and is given as it is. HCL's own try evaluates each argument twice, so
// that nesting it takes time without bounds.
var tryFunc = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "expressions", Type: customdecode.ExpressionClosureType},
	Type:     function.StaticReturnType(cty.DynamicPseudoType),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if len(args) == 0 {
			return cty.NilVal, errors.New("at least one argument is needed")
		}
		var failed []string
		for _, arg := range args {
			c := customdecode.ExpressionClosureFromVal(arg)
			v, diags := c.Value()
			if !diags.HasErrors() {
				if _, ds := hcl.AbsTraversalForExpr(c.Expression); v.IsWhollyKnown() || !ds.HasErrors() {
					return v, nil
				}
				return cty.DynamicVal, nil
			}
			for _, d := range diags {
				failed = append(failed, fmt.Sprintf("%s: %s", d.Summary, d.Detail))
			}
		}
		return cty.NilVal, fmt.Errorf("no argument can be evaluated, and one must be. %s", strings.Join(failed, " "))
	},
})
