package spec

import (
	"github.com/hashicorp/hcl/v2"
)

// Config is everything that the files of one directory ask for.
type Config struct {
	Dir        string
	Stack      Stack
	Resources  []Resource  // by address; images that only a container's string names come too, Implied. See [Of]
	Registries []*Registry // by host
	Imports    []*Import
	Outputs    []*Output // by name, as far as the files alone tell
	Lock       Lock
	Order      []Addr               // every resource that a reference can lead to, each after all that it refers to
	Files      map[string]*hcl.File // for printing diagnostics

	resources map[Addr]Resource
	eval      *evaluator // evaluates again what refers to values that only the host knows
}

// Imported gives what import blocks call the objects that they adopt for blocks of a kind.
func (c *Config) Imported(k Kind) []string {
	var out []string
	for _, im := range c.Imports {
		if im.To.Kind == k {
			out = append(out, im.ID)
		}
	}
	return out
}

// Stack is the stack block.
type Stack struct {
	Name      string // owns what the stack makes; a DNS label
	Namespace string // of containerd; "default" where the file says nothing
	Requires  string // constraint on fairlead's version, as written
	DeclAt    hcl.Range
}
