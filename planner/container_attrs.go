package planner

import (
	"cmp"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// containerAttrs has every attribute of a container that is compared, once, in the order in which people read differences.
var containerAttrs = []attr[spec.Container]{
	{Name: "image", Cost: Recreate, CostOf: imageCost, Reason: imageReason,
		field: attribute(func(c *spec.Container) *spec.ImageRef { return &c.Image }, imageValue)},
	{Name: "platform", Cost: Recreate, field: attribute(func(c *spec.Container) *string { return &c.Platform }, text)},
	{Name: "entrypoint", Cost: Recreate, field: attribute(func(c *spec.Container) *[]string { return &c.Entrypoint }, list)},
	{Name: "command", Cost: Recreate, field: attribute(func(c *spec.Container) *[]string { return &c.Command }, list)},
	{Name: "env", Cost: Recreate, field: attribute(func(c *spec.Container) *map[string]string { return &c.Env }, texts)},
	{Name: "working_dir", Cost: Recreate, field: attribute(func(c *spec.Container) *string { return &c.WorkingDir }, text)},
	{Name: "user", Cost: Recreate, field: attribute(func(c *spec.Container) *string { return &c.User }, text)},
	{Name: "groups", Cost: Recreate, field: attribute(func(c *spec.Container) *[]string { return &c.Groups }, set)},
	{Name: "hostname", Cost: Recreate, field: attribute(func(c *spec.Container) *string { return &c.Hostname }, text)},
	{Name: "tty", Cost: Recreate, field: attribute(func(c *spec.Container) *bool { return &c.TTY }, boolean)},
	{Name: "labels", Cost: Relabel, field: attribute(func(c *spec.Container) *map[string]string { return &c.Labels }, texts)},
	{Name: "annotations", Cost: Recreate, // the runtime and its hooks read them from the OCI spec when the task is made
		field: attribute(func(c *spec.Container) *map[string]string { return &c.Annotations }, texts)},
	{Name: "network_mode", Cost: Recreate, field: attribute(func(c *spec.Container) *string { return &c.NetworkMode }, text)},
	{Name: "mount", Cost: Recreate,
		field: blocks(func(c *spec.Container) *[]spec.Mount { return &c.Mounts }, mountAttrs, "target", func(m *spec.Mount) string { return m.Target })},
	{Name: "security", Cost: Recreate, // a filter of system calls is the process's own, and can't be taken from it
		field: block(func(c *spec.Container) *spec.Security { return &c.Security }, securityAttrs)},
	{Name: "restart", Cost: Relabel, field: attribute(func(c *spec.Container) *spec.Restart { return &c.Restart }, restartValue),
		Unobservable: func(have *Live) bool { return have.Pending }}, // the policy is switched on once it is ready
	{Name: "state", Cost: Retask, field: attribute(func(c *spec.Container) *string { return &c.State }, text)},
	{Name: "ready", Cost: Relabel, field: attribute(func(c *spec.Container) *string { return &c.Ready }, text)},
	{Name: "stop_signal", Cost: Relabel, field: attribute(func(c *spec.Container) *string { return &c.StopSignal }, text)},
	{Name: "stop_timeout", Cost: Relabel, field: attribute(func(c *spec.Container) *time.Duration { return &c.StopTimeout }, duration)},
	{Name: "depends_on", Cost: Relabel, field: attribute(func(c *spec.Container) *[]spec.Addr { return &c.DependsOn }, addrs)},
	{Name: "runtime", Cost: Recreate, field: attribute(func(c *spec.Container) *string { return &c.Runtime }, text)},
	{Name: "snapshotter", Cost: Recreate, field: attribute(func(c *spec.Container) *string { return &c.Snapshotter }, text)},
	{Name: "lifecycle", Cost: Relabel, field: block(func(c *spec.Container) *spec.Lifecycle { return &c.Lifecycle }, lifecycleAttrs)},
}

var (
	mountAttrs = []attr[spec.Mount]{
		{Name: "read_only", Cost: Recreate, field: attribute(func(m *spec.Mount) *bool { return &m.ReadOnly }, boolean)},
		{Name: "bind", Cost: Recreate, Absent: isTmpfs, field: attribute(func(m *spec.Mount) *string { return &m.Bind }, text)},
		{Name: "propagation", Cost: Recreate, Absent: isTmpfs, field: attribute(func(m *spec.Mount) *string { return &m.Propagation }, text)},
		{Name: "tmpfs", Cost: Recreate, field: optionalBlock(func(m *spec.Mount) **spec.Tmpfs { return &m.Tmpfs }, tmpfsAttrs)},
	}
	tmpfsAttrs = []attr[spec.Tmpfs]{
		{Name: "size", Cost: Recreate, field: attribute(func(t *spec.Tmpfs) *int64 { return &t.Size }, number)},
		{Name: "mode", Cost: Recreate, field: attribute(func(t *spec.Tmpfs) *string { return &t.Mode }, text)},
	}
	securityAttrs = []attr[spec.Security]{
		{Name: "seccomp", Cost: Recreate, field: attribute(func(s *spec.Security) *string { return &s.Seccomp }, seccompValue)},
		{Name: "no_new_privileges", Cost: Recreate, field: attribute(func(s *spec.Security) *bool { return &s.NoNewPrivileges }, boolean)},
	}
	lifecycleAttrs = []attr[spec.Lifecycle]{
		{Name: "prevent_destroy", Cost: Relabel, field: attribute(func(l *spec.Lifecycle) *bool { return &l.PreventDestroy }, boolean)},
	}
)

func isTmpfs(m *spec.Mount) bool { return m.Tmpfs != nil }

// containersNotCompared has the attributes of containers without a row, and why. A block stands for all that is in it.
var containersNotCompared = map[string]string{
	"env_file":                       "its lines are in env",
	"update":                         "how a replacement goes; nothing on the host says it",
	"lifecycle.ignore_changes":       "what a comparison passes over; nothing on the host says it",
	"lifecycle.replace_triggered_by": "what forces a replacement; nothing on the host says it",
	"lifecycle.precondition":         "it is checked while the files are read",
}

// compareContainers compares a live container, as it was read and in normal form, with what is wanted.
func compareContainers(have *LiveContainer, live, want *spec.Container, ignore []string) []Diff {
	return compare(containerAttrs, &have.Live, pair[spec.Container]{live, want, live.Marks, want.Marks}, ignore)
}

// imageCost: another name for the same content is written into the record; other content is another container.
func imageCost(before, after cty.Value) Cost {
	if !before.IsNull() && !after.IsNull() && before.IsKnown() && after.IsKnown() {
		_, b, ok := strings.Cut(before.AsString(), "@")
		_, a, _ := strings.Cut(after.AsString(), "@")
		if ok && a == b {
			return Relabel
		}
	}
	return Recreate
}

func imageReason(before, after cty.Value) string {
	if before.IsNull() || after.IsNull() || !before.IsKnown() || !after.IsKnown() {
		return "image differs"
	}
	b, bd, _ := strings.Cut(before.AsString(), "@")
	a, ad, _ := strings.Cut(after.AsString(), "@")
	if a == b {
		return "image: " + shortDigest(bd) + " → " + shortDigest(ad)
	}
	return "image: " + familiar(b) + " → " + familiar(a)
}

// imageValue shows what a container runs: NAME@DIGEST.
func imageValue(r spec.ImageRef) cty.Value {
	name, _, _ := strings.Cut(r.Name, "@")
	if r.Digest == "" {
		return text(name)
	}
	return text(name + "@" + r.Digest)
}

func restartValue(r spec.Restart) cty.Value { return text(r.String()) }

// seccompValue is never null, so that a plan names both sides of a difference.
func seccompValue(profile string) cty.Value { return text(cmp.Or(profile, spec.SeccompDefault)) }
