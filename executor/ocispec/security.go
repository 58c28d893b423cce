package ocispec

import (
	"slices"

	"github.com/containerd/containerd/v2/contrib/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// addSecurity writes what the kernel refuses the process, where it filters system calls. The default profile depends on the capabilities,
// so these come first.
func addSecurity(s *specs.Spec, c *spec.Container, filters bool) {
	s.Process.NoNewPrivileges = c.Security.NoNewPrivileges
	if c.Security.Seccomp != spec.SeccompUnconfined && filters {
		s.Linux.Seccomp = seccomp.DefaultProfile(s)
	}
}

// readSecurity reads what the kernel refuses the process, and what the container lacks of what new ones get by default.
func (s *Spec) readSecurity(was *spec.Container, a *mark.Applied, c *change) (spec.Security, []string) {
	out := was.Security
	var lacks []string
	filtered := s.Linux.Seccomp != nil
	switch {
	case filtered && out.Seccomp == spec.SeccompUnconfined:
		out.Seccomp = spec.SeccompDefault
	case !filtered && c != nil && member(c.was, "linux")["seccomp"] != nil:
		out.Seccomp = spec.SeccompUnconfined
	case !filtered && out.Seccomp != spec.SeccompUnconfined:
		out.Seccomp = ""
		lacks = append(lacks, planner.LackOfSeccomp)
	}
	asWritten := c == nil || (member(c.was, "process")["noNewPrivileges"] == true) == s.Process.NoNewPrivileges
	switch {
	case !asWritten:
		out.NoNewPrivileges = s.Process.NoNewPrivileges
	case s.Process.NoNewPrivileges && !out.NoNewPrivileges:
		lacks = append(lacks, planner.LackOfPrivileges)
	}
	if slices.ContainsFunc(s.Process.Rlimits, func(l specs.POSIXRlimit) bool { return l.Type == "RLIMIT_NOFILE" && l.Hard == 1024 }) {
		lacks = append(lacks, planner.LackOfOpenFiles)
	}
	return out, lacks
}
