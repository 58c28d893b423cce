package spec

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Resource is a block that a plan can act on, or one instance of it. Only this package has types of it: one for each row of the table of kinds.
type Resource interface {
	Header() *Block // what all resources have in common; never nil

	decode(d *decoder, content *hcl.BodyContent)      // reads the attributes
	reference() cty.Value                             // what a reference gives before the host is read
	claim(e *evaluator, n *node)                      // takes the names that nothing else on the host may have
	link(e *evaluator, i *instance, refs *references) // finds the resources that names stand for, and adds them to refs
	keepLinks(was Resource)                           // takes over what link found, after another evaluation
}

// Of gives the resources of one type, in the order of their addresses.
func Of[T Resource](c *Config) []T {
	var out []T
	for _, r := range c.Resources {
		if t, ok := r.(T); ok {
			out = append(out, t)
		}
	}
	return out
}

// As gives a resource as what it is; nil if there is none, or one of another type.
func As[T Resource](r Resource) T {
	t, _ := r.(T)
	return t
}

// Block is the header that every resource embeds.
type Block struct {
	Addr       Addr                 `json:"addr"`
	DeclAt     hcl.Range            `json:"-"` // the block's header
	AttrsAt    map[string]hcl.Range `json:"-"` // by attribute, nested block name, or both with a dot between: its value's range
	References []Addr               `json:"-"` // the resources that it refers to, in source order, each once
	Marks      Marks                `json:"marks,omitzero"`
	Lifecycle  Lifecycle            `json:"lifecycle,omitzero"`
}

// Header makes what embeds a Block a Resource, together with the methods of its kind.
func (b *Block) Header() *Block { return b }

// AttrAt is where an attribute is set, or one in a nested block, as build.args; the nearest block's range where it isn't set.
func (b *Block) AttrAt(name string) hcl.Range {
	if r, ok := b.AttrsAt[name]; ok {
		return r
	}
	part, _, _ := strings.Cut(name, ".")
	if r, ok := b.AttrsAt[part]; ok {
		return r
	}
	return b.DeclAt
}

func (b *Block) claim(*evaluator, *node) {}

func (b *Block) link(*evaluator, *instance, *references) {}

func (b *Block) keepLinks(Resource) {}

// Marks says which values must not be shown, and which only apply can tell. A key is an attribute ("command") or one
// element of a map attribute (`env["LOG"]`), as a plan prints it.
type Marks struct {
	Sensitive map[string]bool `json:"sensitive,omitempty"`
	Unknown   map[string]bool `json:"-"`
}
