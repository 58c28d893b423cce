package spec

import (
	"regexp"

	goversion "github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

var (
	dnsLabel  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	nsPattern = regexp.MustCompile(`^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$`)
)

var stackSchema = newSchema(schema{optional: []string{"namespace", "requires"}})

// readStack reads the one stack block. Where there is none, or more than one, the error ends with another way out.
func (e *evaluator) readStack(wayOut string) {
	switch {
	case len(e.cfg.Files) == 0 || (len(e.stacks) == 0 && e.incomplete):
		return
	case len(e.stacks) == 0 && !e.anyStackFile():
		return
	case len(e.stacks) == 0:
		e.fail(faultWithoutRange("No stack", "No file of the directory has a stack block. Write one into any of them, as in: stack \"shop\" {}. Its name owns what the stack makes."+wayOut))
		return
	}
	for _, b := range e.stacks[1:] {
		e.fail(fault(b.DefRange(), "Second stack", "The directory has a stack block at %s already, and all its files are one stack. Take one out, or move its files to a directory of their own.%s", lineOf(e.stacks[0].DefRange()), wayOut))
	}
	b := e.stacks[0]
	st := Stack{Name: b.Labels[0], Namespace: "default", DeclAt: b.DefRange()}
	if !validStackName(st.Name) {
		e.fail(fault(b.LabelRanges[0], "Bad name", "A stack's name has lower-case letters, digits and \"-\" inside, and is at most 40 long: it begins every name on the host."))
	}
	content, diags := stackSchema.content(b.Body)
	if a := content.Attributes["namespace"]; a != nil {
		before := len(diags)
		st.Namespace = constantText(a, &diags)
		if len(diags) == before && (!nsPattern.MatchString(st.Namespace) || len(st.Namespace) > 76) {
			diags = append(diags, fault(a.Expr.Range(), "Bad namespace", "A namespace of containerd has letters and digits, with single \".\", \"_\" or \"-\" between them, and is at most 76 long."))
		}
	}
	if a := content.Attributes["requires"]; a != nil {
		st.Requires = constantText(a, &diags)
		diags = append(diags, e.checkRequires(st.Requires, a.Expr.Range())...)
	}
	e.fail(diags...)
	e.cfg.Stack = st
	e.overrideNamespace()
	st = e.cfg.Stack
	e.root.Variables["stack"] = cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal(st.Name), "namespace": cty.StringVal(st.Namespace)})
}

// maxStackName is the longest name of a stack.
const maxStackName = 40

func validStackName(s string) bool { return dnsLabel.MatchString(s) && len(s) <= maxStackName }

// overrideNamespace takes the namespace from the command line, if it is given there.
func (e *evaluator) overrideNamespace() {
	ns := e.in.Namespace
	if ns == "" {
		return
	}
	e.cfg.Stack.Namespace = ns
	if !nsPattern.MatchString(ns) || len(ns) > 76 {
		e.fail(faultWithoutRange("Bad namespace", "--namespace %q: a namespace of containerd has letters and digits, with single \".\", \"_\" or \"-\" between them, and is at most 76 long.", ns))
	}
}

// anyStackFile tells whether a file that could hold the stack block was read at all.
func (e *evaluator) anyStackFile() bool {
	names, err := filesWithSuffix(e.dir, FileSuffix)
	return err == nil && len(names) > 0
}

func (e *evaluator) checkRequires(text string, at hcl.Range) hcl.Diagnostics {
	want, err := goversion.NewConstraint(text)
	if err != nil {
		return hcl.Diagnostics{fault(at, "Bad version constraint", "Write an operator and a version, as in \">= 0.1\" or \"~> 1.2, != 1.2.3\".")}
	}
	if e.in.Version == "" {
		return nil
	}
	have, err := goversion.NewVersion(e.in.Version)
	if err != nil || want.Check(have.Core()) {
		return nil
	}
	return hcl.Diagnostics{fault(at, "Wrong version of fairlead", "The stack requires fairlead %s, and this is %s. Install one that fits, or change the constraint.", text, e.in.Version)}
}
