package planner

import (
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// warnOfRestart says which restart policy the daemon doesn't keep, and what it does instead. It is no error: the container runs.
func (pb *planBuilder) warnOfRestart(c *spec.Container) {
	if d := RestartTrouble(pb.have.Host, c.Restart.Policy); d != "" {
		w := fault(c.AttrAt("restart"), "Restart policy not kept", "%s: %s", c.Addr, d)
		w.Severity = hcl.DiagWarning
		pb.fail(w)
	}
}

// RestartTrouble says as a sentence what the host's daemon makes of a restart policy that it doesn't keep; "" where it keeps it.
func RestartTrouble(h Host, policy string) string {
	keeps := func(p string) bool { return slices.Contains(h.RestartPolicies, p) }
	switch {
	case policy == "" || h.RestartPolicies == nil || keeps(policy):
		return ""
	case !keeps(spec.RestartAlways):
		return "containerd's restart monitor is not at work here, so nothing comes back after it has ended, nor after a reboot. Take it out of disabled_plugins in containerd's config.toml."
	case policy == spec.RestartOnFailure:
		return "containerd " + h.Daemon + " knows no restart policies: its monitor starts the container again whenever it ends, also with exit code 0, and counts nothing. Use \"always\", \"no\" or a job (ready = \"completed\"), or containerd 1.7 or later."
	}
	return "containerd " + h.Daemon + " knows no restart policies: what another tool than fairlead stops comes back as under \"always\". Use containerd 1.7 or later."
}
