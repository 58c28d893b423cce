package planner

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// unknownTask is the Extra of the diagnostic of a container whose process nobody can tell.
type unknownTask struct{ name string }

// failUnknown fails for each container of this plan whose process nobody can tell: nothing is decided on the strength of what isn't known.
func (pb *planBuilder) failUnknown() {
	for _, a := range pb.ownedAddresses() {
		if !pb.scope.has(a) {
			continue
		}
		g := pb.generations[a]
		all := g.leftovers()
		if g.current != nil {
			all = append([]*LiveContainer{g.current}, all...)
		}
		for _, l := range all {
			if l.Task.Status == TaskUnknown {
				pb.fail(unknownState(pb.declarationOf(a), a, l))
			}
		}
	}
}

func unknownState(decl *hcl.Range, a spec.Addr, l *LiveContainer) *hcl.Diagnostic {
	at := hcl.Range{}
	if decl != nil {
		at = *decl
	}
	d := fault(at, "Container state unknown", "The container %s is %s: %s. Whether its process runs isn't known, so nothing is done to it. See to that process, then run this again; or leave the container out with --exclude '%s'.", nameOf(l), a, l.Task.Trouble, a)
	d.Extra = unknownTask{nameOf(l) + ": " + l.Task.Trouble}
	return d
}

// UnknownTasks gives the containers whose process nobody can tell, each with why, where that alone is what is wrong with a plan: later, it may be known.
func UnknownTasks(diags hcl.Diagnostics) []string {
	var names []string
	for _, d := range diags {
		u, ok := d.Extra.(unknownTask)
		switch {
		case ok:
			names = append(names, u.name)
		case d.Severity == hcl.DiagError:
			return nil
		}
	}
	return names
}
