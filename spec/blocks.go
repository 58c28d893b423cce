package spec

import (
	"fmt"
	"regexp"
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// blockLabel says what a block's label is, and how one looks.
type blockLabel struct{ name, sample string }

// blockLabels has every block of a file with its label; without a name it has none.
var blockLabels = map[string]blockLabel{
	"stack": {"name", "shop"}, "variable": {"name", "release"}, "locals": {}, "output": {"name", "url"}, "registry": {"host", "registry.example.com"},
	"image": {"name", "app"}, "container": {"name", "web"}, "import": {}, "emulator": {"platform", "arm64"},
}

// laterBlocks are blocks that people will look for: they come with later versions.
var laterBlocks = []string{"network", "volume", "secret", "module", "moved", "removed", "check"}

var labelPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// sort puts each block where its phase looks for it, in source order, and says what no block is.
func (e *evaluator) sort(bodies []*hclsyntax.Body) {
	for _, body := range bodies {
		for _, a := range inOrder(body.Attributes) {
			e.fail(fault(a.NameRange, "Attribute outside of a block", "A file holds blocks only: %s. Put a value of your own into a locals block.", blockNames("and")))
		}
		for _, b := range body.Blocks {
			if e.checkHeader(b) {
				e.declare(b)
			}
		}
	}
}

func blockNames(last string) string {
	var names []string
	for n := range blockLabels {
		names = append(names, n)
	}
	sort.Strings(names)
	return list(names, last)
}

func (e *evaluator) checkHeader(b *hclsyntax.Block) bool {
	label, known := blockLabels[b.Type]
	most := 0
	if label.name != "" {
		most = 1
	}
	switch {
	case contains(laterBlocks, b.Type):
		e.fail(fault(b.TypeRange, "Block not yet there", "This version of fairlead has no %s blocks yet: they come with a later one. Take the block out.", b.Type))
		return false
	case !known:
		var names []string
		for n := range blockLabels {
			names = append(names, n)
		}
		sort.Strings(names)
		e.fail(fault(b.TypeRange, "Unknown block", "There is no block %q in a stack: there are %s.%s", b.Type, list(names, "and"), didYouMean(b.Type, names)))
		return false
	case len(b.Labels) > most:
		takes := "no label"
		if most > 0 {
			takes = "one label, its " + label.name
		}
		e.fail(fault(b.LabelRanges[most], "Too many labels", "The block %s takes %s. Take the rest out.", b.Type, takes))
		return false
	case len(b.Labels) < most:
		e.fail(fault(b.TypeRange, "Missing label", "The block %s takes one label, its %s, as in: %s %q { … }.", b.Type, label.name, b.Type, label.sample))
		return false
	}
	return true
}

func (e *evaluator) declare(b *hclsyntax.Block) {
	switch b.Type {
	case "stack":
		e.stacks = append(e.stacks, b)
	case "registry":
		e.registries = append(e.registries, b)
	case "import":
		e.imports = append(e.imports, b)
	case "emulator":
		e.emulators = append(e.emulators, b)
	case "locals":
		for _, a := range inOrder(b.Body.Attributes) {
			e.add(&node{name: name{"local", a.Name}, at: a.NameRange, local: a})
		}
		for _, sub := range b.Body.Blocks {
			e.fail(fault(sub.TypeRange, "Block inside locals", "A locals block holds attributes only, as in: %s = { … }.", sub.Type))
		}
	case "variable":
		e.declareVariable(b)
	default:
		e.checkLabel(b)
		e.add(&node{name: name{b.Type, b.Labels[0]}, at: b.DefRange(), block: b})
	}
}

func (e *evaluator) checkLabel(b *hclsyntax.Block) {
	if !labelPattern.MatchString(b.Labels[0]) || len(b.Labels[0]) > 64 {
		e.fail(fault(b.LabelRanges[0], "Bad name", "A block's name begins with a letter, has letters, digits, \"-\" and \"_\" after it, and is at most 64 long: it is a part of names on the host, and expressions refer to it."))
	}
}

func (e *evaluator) add(n *node) {
	if first := e.nodes[n.name]; first != nil {
		at := n.at
		if n.block != nil {
			at = n.block.LabelRanges[0]
		}
		e.fail(fault(at, "Duplicate name", "%s is declared at %s already. Each name is declared once; rename one of the two.", n.name, place(first.at)))
		return
	}
	if len(e.source) == e.budget.names {
		if !e.torn {
			e.fail(exceeded(n.at, fmt.Sprintf("The files declare more than %d names, which is the limit", e.budget.names)))
		}
		e.torn = true // what is not declared need not be said
		return
	}
	e.nodes[n.name] = n
	e.source = append(e.source, n)
}

// place names a line as people write it.
func place(r hcl.Range) string { return r.Filename + ":" + itoa(r.Start.Line) }

// inOrder gives attributes as the file has them.
func inOrder(attrs hclsyntax.Attributes) []*hclsyntax.Attribute {
	out := make([]*hclsyntax.Attribute, 0, len(attrs))
	for _, a := range attrs {
		out = append(out, a)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].SrcRange.Start.Byte < out[j].SrcRange.Start.Byte })
	return out
}
