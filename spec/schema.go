package spec

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// schema says which attributes a block has, and what each of its nested blocks holds.
type schema struct {
	*hcl.BodySchema
	labels []string // of the block itself, if it is a nested one
	nested map[string]*schema
}

func newSchema(attributes []hcl.AttributeSchema, nested map[string]*schema) *schema {
	s := &schema{BodySchema: &hcl.BodySchema{Attributes: attributes}, nested: nested}
	for _, name := range slices.Sorted(maps.Keys(nested)) {
		s.Blocks = append(s.Blocks, hcl.BlockHeaderSchema{Type: name, LabelNames: nested[name].labels})
	}
	return s
}

func required(names ...string) []hcl.AttributeSchema {
	out := optional(names...)
	for i := range out {
		out[i].Required = true
	}
	return out
}

func optional(names ...string) []hcl.AttributeSchema {
	out := make([]hcl.AttributeSchema, len(names))
	for i, name := range names {
		out[i].Name = name
	}
	return out
}

// repeatAttributes make instances of a block; no instance has them.
var repeatAttributes = optional("for_each", "count")

// names gives the names of an instance's attributes and nested blocks.
func (s *schema) names() []string {
	var out []string
	for _, a := range s.Attributes {
		if !slices.Contains(repeatAttributes, a) {
			out = append(out, a.Name)
		}
	}
	for _, b := range s.Blocks {
		out = append(out, b.Type)
	}
	return out
}

// paths gives the paths of all attributes, with those of nested blocks: mount.read_only.
func (s *schema) paths() []string {
	var out []string
	for _, name := range s.names() {
		nested, isBlock := s.nested[name]
		if !isBlock {
			out = append(out, name)
			continue
		}
		for _, path := range nested.paths() {
			out = append(out, within(name, path))
		}
	}
	return out
}

// schemas has that of each kind's block.
var schemas = map[Kind]*schema{KindImage: imageSchema, KindContainer: containerSchema, KindEmulator: emulatorSchema}

// AttributeNames gives the names of the attributes and nested blocks of a kind's block, without for_each and count, which are of the block and not
// of an instance.
func AttributeNames(kind Kind) []string { return schemas[kind].names() }

// AttributePaths gives the paths of all attributes of a kind's block, those in nested blocks too, as mount.read_only or mount.tmpfs.size;
// without for_each and count.
func AttributePaths(kind Kind) []string { return schemas[kind].paths() }
