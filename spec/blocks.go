package spec

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// blockLabel says what a block's label is, and how one looks.
type blockLabel struct {
	name, sample string
	parse        func(string) (string, error) // gives the normal form; nil: the label is a name, as parseName reads it
}

// otherBlocks are the blocks that no plan acts on, with their labels; without a name it has none. Those of resources are in the table of kinds.
var otherBlocks = map[string]blockLabel{
	"stack": {name: "name", sample: "shop"}, "variable": {name: "name", sample: "release"}, "locals": {}, "output": {name: "name", sample: "url"},
	"registry": {name: "host", sample: "registry.example.com"}, "import": {},
}

// futureBlocks are blocks that people will look for: they come with later versions.
var futureBlocks = []string{"network", "volume", "secret", "module", "moved", "removed", "check"}

// labelOf says what the label of a block is; false if there is no such block.
func labelOf(block string) (blockLabel, bool) {
	if k := kindNamed(block); k != nil {
		return k.label, true
	}
	label, ok := otherBlocks[block]
	return label, ok
}

func blockNames() []string {
	names := slices.Collect(maps.Keys(otherBlocks))
	for _, k := range kinds {
		names = append(names, string(k.name))
	}
	slices.Sort(names)
	return names
}

// sortBlocks puts each block where its phase looks for it, in source order, and says what no block is.
func (e *evaluator) sortBlocks(bodies []*hclsyntax.Body) {
	for _, body := range bodies {
		for _, a := range inOrder(body.Attributes) {
			e.fail(fault(a.NameRange, "Attribute outside of a block", "A file holds blocks only: %s. Put a value of your own into a locals block.", quotedList(blockNames(), "and")))
		}
		for _, b := range body.Blocks {
			if e.checkHeader(b) {
				e.declare(b)
			}
		}
	}
}

func (e *evaluator) checkHeader(b *hclsyntax.Block) bool {
	label, known := labelOf(b.Type)
	most := 0
	if label.name != "" {
		most = 1
	}
	switch {
	case slices.Contains(futureBlocks, b.Type):
		e.fail(fault(b.TypeRange, "Block not yet there", "This version of fairlead has no %s blocks yet: they come with a later one. Take the block out.", b.Type))
		return false
	case !known:
		names := blockNames()
		e.fail(fault(b.TypeRange, "Unknown block", "There is no block %q in a stack: there are %s.%s", b.Type, quotedList(names, "and"), DidYouMean(b.Type, names)))
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
	case "locals":
		for _, a := range inOrder(b.Body.Attributes) {
			e.addNode(&node{name: name{"local", a.Name}, at: a.NameRange, local: a})
		}
		for _, sub := range b.Body.Blocks {
			e.fail(fault(sub.TypeRange, "Block inside locals", "A locals block holds attributes only, as in: %s = { … }.", sub.Type))
		}
	case "variable":
		e.declareVariable(b)
	default:
		e.addNode(&node{name: name{b.Type, e.parseLabel(b)}, at: b.DefRange(), kind: kindNamed(b.Type), block: b})
	}
}

// parseLabel gives a block's label in normal form; the label as it is if it has none, which is said.
func (e *evaluator) parseLabel(b *hclsyntax.Block) string {
	label, _ := labelOf(b.Type)
	parse := label.parse
	if parse == nil {
		parse = parseName
	}
	name, err := parse(b.Labels[0])
	if err != nil {
		e.fail(fault(b.LabelRanges[0], "Bad "+label.name, "%s", sentenceOf(err)))
		return b.Labels[0]
	}
	return name
}

var labelPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

func parseName(s string) (string, error) {
	if !labelPattern.MatchString(s) || len(s) > 64 {
		return "", errors.New(`a block's name begins with a letter, has letters, digits, "-" and "_" after it, and is at most 64 long: it is a part of names on the host, and expressions refer to it`)
	}
	return s, nil
}

func (e *evaluator) addNode(n *node) {
	if first := e.nodes[n.name]; first != nil {
		at, each, remedy := n.at, "name", "rename one of the two"
		if n.block != nil {
			at = n.block.LabelRanges[0]
		}
		if n.kind != nil && n.kind.label.parse != nil {
			each, remedy = n.kind.label.name, "take one of the two out"
		}
		e.fail(fault(at, "Duplicate name", "%s is declared at %s already. Each %s is declared once; %s.", n.name, lineOf(first.at), each, remedy))
		return
	}
	if len(e.source) == e.budget.names {
		if !e.incomplete {
			e.fail(exceeded(n.at, fmt.Sprintf("The files declare more than %d names, which is the limit", e.budget.names)))
		}
		e.incomplete = true // what is not declared need not be said
		return
	}
	e.nodes[n.name] = n
	e.source = append(e.source, n)
}

// lineOf names the line of a range, as people write it.
func lineOf(r hcl.Range) string { return r.Filename + ":" + strconv.Itoa(r.Start.Line) }

// inOrder gives attributes as the file has them.
func inOrder(attrs hclsyntax.Attributes) []*hclsyntax.Attribute {
	out := slices.Collect(maps.Values(attrs))
	sort.Slice(out, func(i, j int) bool { return out[i].SrcRange.Start.Byte < out[j].SrcRange.Start.Byte })
	return out
}
