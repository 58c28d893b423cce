package planner

import (
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// attr is one row of the containers' table: the attribute's name in files, what changing it costs, and how to read it. One getter
// reads both sides, so a comparison can't depend on which side a value came from.
type attr struct {
	Name         string
	Cost         Cost
	Get          func(*spec.Container) cty.Value      // of a container in normal form; null is unset
	Copy         func(to, from *spec.Container)       // the attribute alone
	CostOf       func(before, after cty.Value) Cost   // what this difference costs, where that isn't always Cost; nil: always
	Reason       func(before, after cty.Value) string // the reason, where `PATH differs` would say too little; nil: that
	Unobservable func(have *LiveContainer) bool       // where the live side can't tell; nil: it always can
}

// containerTable has every attribute that is compared, once, in the order in which people read differences.
var containerTable = []attr{
	{Name: "image", Cost: Recreate, CostOf: imageCost, Reason: imageWord,
		Get:  func(c *spec.Container) cty.Value { return text(imageText(c.Image)) },
		Copy: func(to, from *spec.Container) { to.Image = from.Image }},
	{Name: "platform", Cost: Recreate,
		Get:  func(c *spec.Container) cty.Value { return text(c.Platform) },
		Copy: func(to, from *spec.Container) { to.Platform = from.Platform }},
	{Name: "entrypoint", Cost: Recreate,
		Get:  func(c *spec.Container) cty.Value { return list(c.Entrypoint) },
		Copy: func(to, from *spec.Container) { to.Entrypoint = from.Entrypoint }},
	{Name: "command", Cost: Recreate,
		Get:  func(c *spec.Container) cty.Value { return list(c.Command) },
		Copy: func(to, from *spec.Container) { to.Command = from.Command }},
	{Name: "env", Cost: Recreate,
		Get:  func(c *spec.Container) cty.Value { return texts(c.Env) },
		Copy: func(to, from *spec.Container) { to.Env = from.Env }},
	{Name: "working_dir", Cost: Recreate,
		Get:  func(c *spec.Container) cty.Value { return text(c.WorkingDir) },
		Copy: func(to, from *spec.Container) { to.WorkingDir = from.WorkingDir }},
	{Name: "user", Cost: Recreate,
		Get:  func(c *spec.Container) cty.Value { return text(c.User) },
		Copy: func(to, from *spec.Container) { to.User = from.User }},
	{Name: "groups", Cost: Recreate,
		Get:  func(c *spec.Container) cty.Value { return set(c.Groups) },
		Copy: func(to, from *spec.Container) { to.Groups = from.Groups }},
	{Name: "hostname", Cost: Recreate,
		Get:  func(c *spec.Container) cty.Value { return text(c.Hostname) },
		Copy: func(to, from *spec.Container) { to.Hostname = from.Hostname }},
	{Name: "tty", Cost: Recreate,
		Get:  func(c *spec.Container) cty.Value { return boolean(c.TTY) },
		Copy: func(to, from *spec.Container) { to.TTY = from.TTY }},
	{Name: "labels", Cost: Relabel,
		Get:  func(c *spec.Container) cty.Value { return texts(c.Labels) },
		Copy: func(to, from *spec.Container) { to.Labels = from.Labels }},
	{Name: "annotations", Cost: Recreate, // the runtime and its hooks read them from the OCI spec when the task is made
		Get:  func(c *spec.Container) cty.Value { return texts(c.Annotations) },
		Copy: func(to, from *spec.Container) { to.Annotations = from.Annotations }},
	{Name: "network_mode", Cost: Recreate,
		Get:  func(c *spec.Container) cty.Value { return text(c.NetworkMode) },
		Copy: func(to, from *spec.Container) { to.NetworkMode = from.NetworkMode }},
	{Name: "mount", Cost: Recreate,
		Get:  func(c *spec.Container) cty.Value { return mounts(c.Mounts) },
		Copy: func(to, from *spec.Container) { to.Mounts = from.Mounts }},
	{Name: "security", Cost: Recreate, // a filter of system calls is the process's own, and can't be taken from it
		Get:  func(c *spec.Container) cty.Value { return security(c.Security) },
		Copy: func(to, from *spec.Container) { to.Security = from.Security }},
	{Name: "restart", Cost: Relabel,
		Get:          func(c *spec.Container) cty.Value { return text(c.Restart.String()) },
		Copy:         func(to, from *spec.Container) { to.Restart = from.Restart },
		Unobservable: func(have *LiveContainer) bool { return have.Pending }}, // the policy is switched on once it is ready
	{Name: "state", Cost: Retask,
		Get:  func(c *spec.Container) cty.Value { return text(c.State) },
		Copy: func(to, from *spec.Container) { to.State = from.State }},
	{Name: "ready", Cost: Relabel,
		Get:  func(c *spec.Container) cty.Value { return text(c.Ready) },
		Copy: func(to, from *spec.Container) { to.Ready = from.Ready }},
	{Name: "stop_signal", Cost: Relabel,
		Get:  func(c *spec.Container) cty.Value { return text(c.StopSignal) },
		Copy: func(to, from *spec.Container) { to.StopSignal = from.StopSignal }},
	{Name: "stop_timeout", Cost: Relabel,
		Get:  func(c *spec.Container) cty.Value { return text(c.StopTimeout.String()) },
		Copy: func(to, from *spec.Container) { to.StopTimeout = from.StopTimeout }},
	{Name: "depends_on", Cost: Relabel,
		Get:  func(c *spec.Container) cty.Value { return addrs(c.DependsOn) },
		Copy: func(to, from *spec.Container) { to.DependsOn = from.DependsOn }},
	{Name: "runtime", Cost: Recreate,
		Get:  func(c *spec.Container) cty.Value { return text(c.Runtime) },
		Copy: func(to, from *spec.Container) { to.Runtime = from.Runtime }},
	{Name: "snapshotter", Cost: Recreate,
		Get:  func(c *spec.Container) cty.Value { return text(c.Snapshotter) },
		Copy: func(to, from *spec.Container) { to.Snapshotter = from.Snapshotter }},
	{Name: "lifecycle", Cost: Relabel, // of it, prevent_destroy alone is on the host
		Get:  func(c *spec.Container) cty.Value { return protection(c.Lifecycle.PreventDestroy) },
		Copy: func(to, from *spec.Container) { to.Lifecycle.PreventDestroy = from.Lifecycle.PreventDestroy }},
}

// notCompared has the attributes without a row, and why.
var notCompared = map[string]string{
	"env_file": "its lines are in env",
	"update":   "how a replacement goes; nothing on the host says it",
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

func imageWord(before, after cty.Value) string {
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

// imageText is how a plan shows what a container runs: NAME@DIGEST.
func imageText(r spec.ImageRef) string {
	name, _, _ := strings.Cut(r.Name, "@")
	if r.Digest == "" {
		return name
	}
	return name + "@" + r.Digest
}

func text(s string) cty.Value {
	if s == "" {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(s)
}

func boolean(b bool) cty.Value {
	if !b {
		return cty.NullVal(cty.Bool)
	}
	return cty.True
}

// list keeps nil and empty apart: an empty entrypoint is none, an unset one is the image's.
func list(ss []string) cty.Value {
	if ss == nil {
		return cty.NullVal(cty.List(cty.String))
	}
	if len(ss) == 0 {
		return cty.ListValEmpty(cty.String)
	}
	els := make([]cty.Value, len(ss))
	for i, s := range ss {
		els[i] = cty.StringVal(s)
	}
	return cty.ListVal(els)
}

func set(ss []string) cty.Value {
	if len(ss) == 0 {
		return cty.NullVal(cty.Set(cty.String))
	}
	els := make([]cty.Value, len(ss))
	for i, s := range ss {
		els[i] = cty.StringVal(s)
	}
	return cty.SetVal(els)
}

func addrs(as []spec.Addr) cty.Value {
	ss := make([]string, len(as))
	for i, a := range as {
		ss[i] = a.String()
	}
	return set(ss)
}

func texts(m map[string]string) cty.Value {
	if len(m) == 0 {
		return cty.NullVal(cty.Map(cty.String))
	}
	els := make(map[string]cty.Value, len(m))
	for k, v := range m {
		els[k] = cty.StringVal(v)
	}
	return cty.MapVal(els)
}

// mounts is a map by target, so that a difference names the mount and order never counts.
func mounts(ms []spec.Mount) cty.Value {
	if len(ms) == 0 {
		return cty.NullVal(cty.EmptyObject)
	}
	els := make(map[string]cty.Value, len(ms))
	for _, m := range ms {
		el := map[string]cty.Value{"read_only": boolean(m.ReadOnly)}
		if m.Tmpfs != nil {
			el["tmpfs"] = cty.ObjectVal(map[string]cty.Value{"size": number(m.Tmpfs.Size), "mode": text(m.Tmpfs.Mode)})
		} else {
			el["bind"] = text(m.Bind)
			el["propagation"] = text(strings.TrimPrefix(m.Propagation, "rprivate")) // as it is where nothing is said
		}
		els[m.Target] = cty.ObjectVal(el)
	}
	return cty.ObjectVal(els)
}

func number(n int64) cty.Value {
	if n == 0 {
		return cty.NullVal(cty.Number)
	}
	return cty.NumberIntVal(n)
}

func protection(on bool) cty.Value {
	if !on {
		return cty.NullVal(cty.Object(map[string]cty.Type{"prevent_destroy": cty.Bool}))
	}
	return cty.ObjectVal(map[string]cty.Value{"prevent_destroy": cty.True})
}

// security always has its profile, so that a plan names both sides of a difference.
func security(s spec.Security) cty.Value {
	if s == (spec.Security{}) || s == (spec.Security{Seccomp: spec.SeccompDefault}) {
		return defaultSecurity
	}
	return securityValue(s)
}

// defaultSecurity is that of nearly every container, made once.
var defaultSecurity = securityValue(spec.Security{})

func securityValue(s spec.Security) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{
		"seccomp":           cty.StringVal(orElse(s.Seccomp, spec.SeccompDefault)),
		"no_new_privileges": boolean(s.NoNewPrivileges),
	})
}

// normal gives a copy of c in which what is unset has the value that unset means here, so that writing a default into a file
// works nothing.
func normal(c *spec.Container, h Host) *spec.Container {
	n := *c
	n.Platform = orElse(n.Platform, h.Platform)
	n.Runtime = orElse(n.Runtime, spec.DefaultRuntime)
	n.Snapshotter = orElse(n.Snapshotter, h.Snapshotter)
	n.State = orElse(n.State, spec.StateRunning)
	n.Ready = orElse(n.Ready, spec.ReadyStarted)
	n.Restart.Policy = orElse(n.Restart.Policy, spec.RestartNo)
	if n.StopTimeout == 0 {
		n.StopTimeout = spec.DefaultStopTimeout
	}
	if len(n.Mounts) > 0 {
		n.Mounts = append([]spec.Mount{}, n.Mounts...)
		for i := range n.Mounts {
			m := &n.Mounts[i]
			if m.Tmpfs != nil && (m.Tmpfs.Mode == "1777" || m.Tmpfs.Mode == "") {
				m.Tmpfs = &spec.Tmpfs{Size: m.Tmpfs.Size, Mode: "1777"}
			}
		}
	}
	return &n
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
