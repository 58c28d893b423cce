package spec

import (
	"maps"
	"regexp"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// schema says which attributes a block has and what these may hold, and the same of each nested block.
type schema struct {
	required []string
	optional []string
	repeats  bool     // has for_each and count besides
	labels   []string // of the block itself, if it is a nested one
	nested   map[string]*schema

	sensitive []string          // attributes that may be sensitive
	exposed   string            // who would see a secret in the other ones, and where to put it instead
	carries   []string          // attributes that may carry what only the apply tells; in a nested block with exposed set, all else must be known
	byElement []string          // maps of which one element alone can be unknown
	hints     map[string]string // for what the block does not have, and people look for: what it is here

	body *hcl.BodySchema
}

// newSchema completes a schema with what HCL needs.
func newSchema(s schema) *schema {
	s.body = &hcl.BodySchema{}
	for _, name := range s.required {
		s.body.Attributes = append(s.body.Attributes, hcl.AttributeSchema{Name: name, Required: true})
	}
	for _, name := range s.optional {
		s.body.Attributes = append(s.body.Attributes, hcl.AttributeSchema{Name: name})
	}
	if s.repeats {
		s.body.Attributes = append(s.body.Attributes, hcl.AttributeSchema{Name: "for_each"}, hcl.AttributeSchema{Name: "count"})
	}
	for _, name := range slices.Sorted(maps.Keys(s.nested)) {
		s.body.Blocks = append(s.body.Blocks, hcl.BlockHeaderSchema{Type: name, LabelNames: s.nested[name].labels})
	}
	return &s
}

// names gives the names of an instance's attributes and nested blocks.
func (s *schema) names() []string {
	return slices.Concat(s.required, s.optional, slices.Sorted(maps.Keys(s.nested)))
}

// paths gives the paths of an instance's attributes, with those of nested blocks: mount.read_only.
func (s *schema) paths() []string {
	out := slices.Concat(s.required, s.optional)
	for _, block := range slices.Sorted(maps.Keys(s.nested)) {
		for _, path := range s.nested[block].paths() {
			out = append(out, joinPath(block, path))
		}
	}
	return out
}

var notExpected = regexp.MustCompile(`^(?:An argument named|Blocks of type) "([^"]*)" (?:is|are) not expected here\.`)

// content splits a body by the schema. To what the block does not have, it adds what that is here.
func (s *schema) content(body hcl.Body) (*hcl.BodyContent, hcl.Diagnostics) {
	content, diags := body.Content(s.body)
	for i, d := range diags {
		if m := notExpected.FindStringSubmatch(d.Detail); m != nil && s.hints[m[1]] != "" {
			hinted := *d
			hinted.Detail = m[0] + " " + s.hints[m[1]]
			diags[i] = &hinted
		}
	}
	return content, diags
}
