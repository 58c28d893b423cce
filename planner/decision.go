package planner

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// decision is what a plan does about one address, as others see it.
type decision struct {
	usable   bool   // an image's digest is known or will be: containers can be created from it
	record   string // name of an image's record; "" for other kinds
	identity string // the digest of an image, the ID of a container; "": nobody can tell
	unknown  bool   // identity is a placeholder: only the apply will tell what stands for it
	was      string // the identity that it has until then; "": none
	renewed  string // a clause, where it gets new content or a successor: "image.app is pulled anew"; "": it stays

	created    *stepDraft   // the step that creates a container, or registers an emulator; nil: it was there
	onlyIf     []*stepDraft // it stays as it was unless one of these changes something; none: nothing is conditional
	startSteps []*stepDraft // a container's steps, in order, without its creation; from the stop of the one before it, if that comes first
	mayFail    []*stepDraft // those of startSteps that can fail by the container's own fault
	replaces   bool         // a container takes the place of another one at its address
}

// staysIfSame tells whether a renewed object stays as it was if what it depends on comes out as before.
func (d *decision) staysIfSame() bool { return len(d.onlyIf) > 0 && d.was != "" }

// decisionOf is what has been decided of an address; an empty decision where nothing has.
func (pb *planBuilder) decisionOf(a spec.Addr) *decision {
	if d := pb.decisions[a]; d != nil {
		return d
	}
	return &decision{}
}

// referenceValues is what references to each address give.
type referenceValues struct {
	known   map[spec.Addr]cty.Value // what is known while planning
	carried map[spec.Addr]cty.Value // with placeholders for what only the apply will tell
	before  map[spec.Addr]cty.Value // if everything that is built or imported comes out as it was
}

func newReferenceValues(n int) referenceValues {
	return referenceValues{make(map[spec.Addr]cty.Value, n), make(map[spec.Addr]cty.Value, n), make(map[spec.Addr]cty.Value, n)}
}

// decided notes what has been decided of a resource, and what references to it give from now on.
func (pb *planBuilder) decided(r spec.Resource, d *decision) {
	if d == nil {
		return
	}
	a := r.Header().Addr
	pb.decisions[a] = d
	value := kindRow(a.Kind).value
	v := value(pb, r, d.identity)
	pb.values.carried[a], pb.values.known[a], pb.values.before[a] = v, v, v
	if !d.unknown {
		return
	}
	pb.placeholders[d.identity] = true
	v = value(pb, r, "")
	pb.values.known[a], pb.values.before[a] = v, v
	if d.was != "" {
		pb.values.before[a] = value(pb, r, d.was)
	}
}

// decide goes through what is wanted in reference order, so that each resource sees what was decided of those it refers to.
func (pb *planBuilder) decide() {
	for _, a := range pb.ordered {
		if r := pb.reevaluate(a); r != nil {
			pb.decided(r, kindRow(a.Kind).decide(pb, r))
		}
	}
}

// reevaluate evaluates a resource with what has been decided of those that it refers to.
func (pb *planBuilder) reevaluate(a spec.Addr) spec.Resource {
	r := pb.blocks[a]
	if r == nil || len(r.Header().Marks.Unknown) == 0 {
		return r
	}
	settled, diags := pb.want.Reevaluate(a, pb.values.known, pb.values.carried)
	if pb.scope.has(a) {
		pb.diags = append(pb.diags, diags...)
	}
	if settled == nil || diags.HasErrors() {
		pb.refused[a] = true
		return r
	}
	return settled
}

// reevaluateWith evaluates a resource with other values for its references; nil if that fails.
func (pb *planBuilder) reevaluateWith(r spec.Resource, known map[spec.Addr]cty.Value) spec.Resource {
	a := r.Header().Addr
	if was := pb.blocks[a]; len(was.Header().Marks.Unknown) == 0 {
		return was
	}
	out, diags := pb.want.Reevaluate(a, known, nil)
	if out == nil || diags.HasErrors() {
		return nil
	}
	return out
}

// Values gives what references to the stack's resources give by what is on the host, for outputs after an apply.
func Values(want *spec.Config, have *State) map[spec.Addr]cty.Value {
	pb := newPlanBuilder(want, have, &Sources{}, Options{})
	pb.match()
	values := map[spec.Addr]cty.Value{}
	for a, r := range pb.blocks {
		if k := kindRow(a.Kind); k.value != nil {
			values[a] = k.value(pb, r, k.identity(pb, r))
		}
	}
	return values
}
