package planner

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// resourceKind is all that the planner knows of one kind of resource alone. What is the same for every kind is written once: over the
// header of live objects, over blocks and over decisions.
type resourceKind struct {
	kind spec.Kind

	// What the host has.
	live    func(*State) []LiveObject                  // all of the namespace; nil: no stack owns what there is of it
	short   func(id string) string                     // an ID for people; nil: as it is
	index   func(*planBuilder, []LiveObject)           // fills in what its decisions look up; nil: they look nothing up
	needs   func(*planBuilder, LiveObject) []spec.Addr // what a live object needs, as the host tells it
	trouble func(LiveObject) (why string, any bool)    // why nobody can tell what it does; nil: everybody can
	origins bool                                       // its objects tell where they were last applied from
	records bool                                       // its objects are records of a name: people read that and what is done with it

	// What is compared.
	rows        []row             // the table of its attributes; nil: its decisions look at the host themselves
	notCompared map[string]string // attributes without a row, or nested blocks, and why

	// What a plan makes of it.
	refs        func(*planBuilder, spec.Resource) []spec.Addr               // what it needs besides what its block refers to; nil: nothing
	decide      func(*planBuilder, spec.Resource) *decision                 // makes its change; nil is for what others may still decide
	identity    func(*planBuilder, spec.Resource) string                    // of the object that is there; "": there is none
	value       func(pb *planBuilder, r spec.Resource, id string) cty.Value // what a reference gives; id "": it isn't known
	replaceable func(spec.Resource) bool                                    // --replace may name it; nil: never
	orphan      func(*planBuilder, LiveObject) bool                         // nothing wants an object of this stack; nil: its address has no block
	remove      func(*planBuilder, LiveObject)                              // makes the change that takes an orphan away

	// How an import block adopts an object.
	find     func(pb *planBuilder, id string) LiveObject                  // by what the block calls it; nil: there is none
	mayAdopt func(*planBuilder, *spec.Import, LiveObject) *hcl.Diagnostic // what forbids it; nil: nothing
	missing  string                                                       // what is not there, and why that may be, as formats
}

// resourceKinds has every kind. Each stands before those that it needs: in this order live objects are matched, and orphans go.
var resourceKinds []*resourceKind

// LiveKinds are the kinds of which the host has objects that a stack can own.
func LiveKinds() []spec.Kind {
	var out []spec.Kind
	for _, k := range resourceKinds {
		if k.live != nil {
			out = append(out, k.kind)
		}
	}
	return out
}

func init() { resourceKinds = []*resourceKind{containerKind, imageKind, emulatorKind} } // not above: functions of the rows look rows up

// objects gives all objects of a kind that the host has.
func (k *resourceKind) objects(have *State) []LiveObject {
	if k.live == nil {
		return nil
	}
	return k.live(have)
}

// shortID is an ID for people.
func (k *resourceKind) shortID(id string) string {
	if k.short == nil {
		return id
	}
	return k.short(id)
}

// kindRow gives the row of a kind; an empty one where it has none.
func kindRow(k spec.Kind) *resourceKind {
	for _, row := range resourceKinds {
		if row.kind == k {
			return row
		}
	}
	return &resourceKind{kind: k}
}
