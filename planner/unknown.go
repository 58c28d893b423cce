package planner

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// unknownTask is the Extra of the diagnostic of an object of which nobody can tell what it does.
type unknownTask struct{ name string }

func unknownState(decl *hcl.Range, a spec.Addr, l *Live, why string) *hcl.Diagnostic {
	at := hcl.Range{}
	if decl != nil {
		at = *decl
	}
	d := fault(at, capital(string(l.Kind))+" state unknown", "The %s is %s: %s. Whether its process runs isn't known, so nothing is done to it. See to that process, then run this again; or leave the %s out with --exclude '%s'.",
		l.describe(), a, why, l.Kind, a)
	d.Extra = unknownTask{l.title() + ": " + why}
	return d
}

// UnknownTasks gives the containers whose process nobody can tell, each with why, where that alone is what is wrong with a plan: later, it
// may be known.
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
