package planner

import (
	"strings"
	"testing"
)

// TestRestartTrouble: a policy that the daemon doesn't keep is told, with what it does instead; one that it keeps is not.
func TestRestartTrouble(t *testing.T) {
	all := []string{"no", "no", "always", "on-failure", "unless-stopped"}
	for _, c := range []struct {
		keeps  []string
		policy string
		says   string
	}{
		{all, "always", ""}, {all, "on-failure", ""}, {all, "unless-stopped", ""}, {all, "no", ""},
		{nil, "on-failure", ""},
		{[]string{"no", "always"}, "always", ""},
		{[]string{"no", "always"}, "no", ""},
		{[]string{"no", "always"}, "on-failure", "also with exit code 0"},
		{[]string{"no", "always"}, "unless-stopped", "comes back"},
		{[]string{"no"}, "no", ""},
		{[]string{"no"}, "always", "not at work"},
		{[]string{"no"}, "on-failure", "not at work"},
	} {
		got := RestartTrouble(Host{Daemon: "1.6.20", RestartPolicies: c.keeps}, c.policy)
		if (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%q where %q are kept: %q", c.policy, c.keeps, got)
		}
	}
}
