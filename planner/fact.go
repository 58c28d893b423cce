package planner

import (
	"cmp"

	"github.com/fairlead-dev/fairlead/spec"
)

// fact is something that is so once a step has run. Each step declares the facts that it gives and those that it needs; graph.go alone
// makes edges of them. A fact that no step gives is so already.
type fact struct {
	kind factKind
	of   spec.Addr // of what the files want; of what the host has, or is to have: its ID, as a name alone
}

type factKind int

const (
	factKnown       factKind = iota + 1 // all that references to an address give is known
	factReady                           // an address is as those that refer to it need it
	factStopped                         // the process of a container has ended
	factGone                            // a container is removed
	factRelabeled                       // a container's record is rewritten
	factFreed                           // no container that goes has an exclusive any more
	factFreedBeside                     // as factFreed, or only one that is replaced start-first has it
	factVacated                         // a container that listened where another one will is replaced
)

func hostFact(k factKind, id string) fact { return fact{kind: k, of: spec.Addr{Name: id}} }

func known(a spec.Addr) fact { return fact{kind: factKnown, of: a} }

// ready is for an emulator: programs of its platform run.
func ready(a spec.Addr) fact { return fact{kind: factReady, of: a} }

func stopped(container string) fact   { return hostFact(factStopped, container) }
func gone(container string) fact      { return hostFact(factGone, container) }
func relabeled(container string) fact { return hostFact(factRelabeled, container) }

// vacated is about how a container listens: see listening.
func vacated(listening string) fact { return hostFact(factVacated, listening) }

// knownRefs are the facts after which the value of each of a resource's attributes is known.
func (pb *planBuilder) knownRefs(r spec.Resource) []fact {
	refs := pb.refs(r)
	out := make([]fact, len(refs))
	for i, a := range refs {
		out[i] = known(a)
	}
	return out
}

// startNeeds are the facts that must hold before a container starts: what it refers to is ready, its platform's programs run, and
// generations of it that nothing needs are gone.
func (pb *planBuilder) startNeeds(c *spec.Container, discarded []*LiveContainer) []fact {
	refs := pb.refs(c)
	out := make([]fact, 0, 1+len(refs)+len(discarded))
	out = append(out, ready(spec.EmulatorAddr(cmp.Or(c.Platform, pb.have.Host.Platform))))
	for _, a := range refs {
		out = append(out, ready(a))
	}
	for _, l := range discarded {
		out = append(out, gone(l.ID))
	}
	return out
}
