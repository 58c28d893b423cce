package spec

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Inputs is what a directory of files is read with.
type Inputs struct {
	Vars      []string // name=value, as given with --var; later ones win
	VarFiles  []string // paths, as given with --var-file; later ones win
	Environ   []string // name=value: where FAIRLEAD_VAR_* and the function env look
	Namespace string   // overrides the stack's namespace; "": doesn't
	Version   string   // of fairlead, for stack.requires; "": unchecked (a development build)
}

// Load reads a stack. The config is usable only if the diagnostics hold no error; its Files are always set.
func Load(dir string, in Inputs) (*Config, hcl.Diagnostics) { panic("TODO") }

// LoadLock reads the lock file of a directory; where there is none the lock is empty.
func LoadLock(dir string) (Lock, hcl.Diagnostics) { panic("TODO") }

// Write writes the lock file of a directory, sorted, through a temporary file and a rename; unchanged text is not written.
func (l Lock) Write(dir string) error { panic("TODO") }

// Settle gives the resource at a as evaluated with the values that the host has told of others: what [Reference] gives for each.
// Without a reference to such a value it is the resource that Load made.
func (c *Config) Settle(a Addr, known map[Addr]cty.Value) (Resource, hcl.Diagnostics) { panic("TODO") }

// SettleOutputs gives the outputs, as evaluated with the values that the host has told.
func (c *Config) SettleOutputs(known map[Addr]cty.Value) ([]*Output, hcl.Diagnostics) { panic("TODO") }

// Get finds a resource by its address; nil where there is none.
func (c *Config) Get(a Addr) Resource { panic("TODO") }

// ImageValue is what a reference to an image block gives. A digest "" , nil platforms and a size below 0 are unknown.
func ImageValue(name, digest string, size int64, platforms []string) cty.Value { panic("TODO") }

// ContainerValue is what a reference to a container block gives. An id "" is unknown.
func ContainerValue(name, id, image string) cty.Value { panic("TODO") }

type evaluator struct{}
