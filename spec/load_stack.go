package spec

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// LoadStack reads a stack's name and namespace and nothing else, for its end: no expression is evaluated, and what of the files cannot be
// read is a warning. Inputs.Stack names the stack whatever the files say, also where there are none. The config has no blocks; it is
// usable only if the diagnostics hold no error.
func LoadStack(dir string, in Inputs) (*Config, hcl.Diagnostics) {
	in.Version = "" // stack.requires is for those who read the rest
	e := emptyEvaluator(dir, in)
	if names, err := filesWithSuffix(e.dir, FileSuffix); in.Stack == "" || err == nil && len(names) > 0 {
		for _, body := range e.parse() {
			e.findStacks(body, in.Stack)
		}
	}
	unread := e.diags
	e.diags = nil
	e.dropCopies()
	switch {
	case in.Stack != "" && len(e.stacks) == 0:
		e.nameStack(in.Stack)
	case len(e.stacks) == 1 && in.Namespace != "":
		e.nameStack(e.stacks[0].Labels[0])
	case len(e.stacks) == 1 && e.isUnparsedIn(bodyRange(e.stacks[0])):
		e.fail(fault(e.stacks[0].DefRange(), "Namespace not known", "The stack block cannot be read whole, and its namespace may be in what can't. Mend it, or name the namespace with --namespace."))
	default:
		e.readStack(" Or name the stack with --stack NAME, and its namespace with --namespace.")
	}
	if e.cfg.Stack.Name == "" && !e.diags.HasErrors() {
		e.fail(unread...)
		e.fail(faultWithoutRange("Stack not known", "The files don't tell the stack's name. Name it with --stack NAME, and its namespace with --namespace if that isn't \"default\"."))
		return e.cfg, sortDiagnostics(e.diags)
	}
	e.fail(asWarnings(unread)...)
	return e.cfg, sortDiagnostics(e.diags)
}

// findStacks keeps the stack blocks of a file; with a name, those of that name.
func (e *evaluator) findStacks(body *hclsyntax.Body, name string) {
	for _, b := range body.Blocks {
		if b.Type == "stack" && len(b.Labels) == 1 && (name == "" || b.Labels[0] == name) {
			e.stacks = append(e.stacks, b)
		}
	}
}

// dropCopies leaves one of the stack blocks that say the same, as where a file was copied.
func (e *evaluator) dropCopies() {
	e.stacks = slices.CompactFunc(e.stacks, func(a, b *hclsyntax.Block) bool {
		return a.Labels[0] == b.Labels[0] && (e.in.Namespace != "" || namespaceText(a) == namespaceText(b) && !e.isUnparsedIn(bodyRange(b)))
	})
}

// namespaceText gives a stack block's namespace if that is a constant; else what is never a name.
func namespaceText(b *hclsyntax.Block) string {
	a := b.Body.Attributes["namespace"]
	if a == nil {
		return "default"
	}
	var diags hcl.Diagnostics
	text := constantText(&hcl.Attribute{Name: a.Name, Expr: a.Expr}, &diags)
	if diags.HasErrors() {
		return lineOf(b.DefRange())
	}
	return text
}

// nameStack takes the stack's name, and the namespace that the command line gives.
func (e *evaluator) nameStack(name string) {
	if !validStackName(name) {
		e.fail(faultWithoutRange("Bad name", "%q is no name of a stack: it has lower-case letters, digits and \"-\" inside, and is at most %d long.", name, maxStackName))
		return
	}
	e.cfg.Stack = Stack{Name: name, Namespace: "default"}
	e.overrideNamespace()
}

// bodyRange is where a block is written, up to the end of the file if its brace does not close.
func bodyRange(b *hclsyntax.Block) hcl.Range {
	return hcl.RangeBetween(b.DefRange(), hcl.RangeBetween(b.Body.SrcRange, b.CloseBraceRange))
}

// asWarnings says once for each file that it could not be read whole, and why not.
func asWarnings(unread hcl.Diagnostics) hcl.Diagnostics {
	seen := map[string]bool{}
	var out hcl.Diagnostics
	for _, d := range unread {
		file := ""
		if d.Subject != nil {
			file = d.Subject.Filename
		}
		if file != "" && seen[file] {
			continue
		}
		seen[file] = true
		out = append(out, &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: "Not read", Subject: d.Subject,
			Detail: "What is removed is read from the host alone, so this is passed over: " + strings.TrimSuffix(d.Summary, ".") + ". " + d.Detail})
	}
	return out
}
