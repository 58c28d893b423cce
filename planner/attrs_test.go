package planner

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// host is what normal forms are made for in these tests.
var host = Host{Platform: "linux/amd64", Snapshotter: "overlayfs"}

// rowCases has for each row two values that differ, and further ones that mean the same as the first or as unset.
var rowCases = map[string]struct {
	set, other, unset func(*spec.Container)
	same              []func(*spec.Container) // as set
	none              []func(*spec.Container) // as unset
	paths             []string                // of the differences between set and other
	cost              Cost
}{
	"image": {
		set:   func(c *spec.Container) { c.Image = spec.ImageRef{Name: "a:1", Digest: "sha256:1"} },
		other: func(c *spec.Container) { c.Image = spec.ImageRef{Name: "a:1", Digest: "sha256:2"} },
		same: []func(*spec.Container){func(c *spec.Container) {
			c.Image = spec.ImageRef{Name: "a:1", Digest: "sha256:1", Addr: spec.Addr{Kind: "image", Name: "x"}}
		}},
		paths: []string{"image"}, cost: Recreate,
	},
	"platform": {
		set: func(c *spec.Container) { c.Platform = "linux/arm64" }, other: func(c *spec.Container) { c.Platform = "linux/arm/v7" },
		none:  []func(*spec.Container){func(c *spec.Container) { c.Platform = "linux/amd64" }},
		paths: []string{"platform"}, cost: Recreate,
	},
	"entrypoint": {
		set: func(c *spec.Container) { c.Entrypoint = []string{"a", "b"} }, other: func(c *spec.Container) { c.Entrypoint = []string{} },
		paths: []string{"entrypoint[0]", "entrypoint[1]"}, cost: Recreate,
	},
	"command": {
		set: func(c *spec.Container) { c.Command = []string{"a", "b", "c"} }, other: func(c *spec.Container) { c.Command = []string{"a", "x"} },
		paths: []string{"command[1]", "command[2]"}, cost: Recreate,
	},
	"env": {
		set: func(c *spec.Container) { c.Env = map[string]string{"A": "1", "B": ""} }, other: func(c *spec.Container) { c.Env = map[string]string{"A": "2", "C.d": ""} },
		none:  []func(*spec.Container){func(c *spec.Container) { c.Env = map[string]string{} }},
		paths: []string{`env["A"]`, `env["B"]`, `env["C.d"]`}, cost: Recreate,
	},
	"working_dir": {
		set: func(c *spec.Container) { c.WorkingDir = "/a" }, other: func(c *spec.Container) { c.WorkingDir = "/b" },
		paths: []string{"working_dir"}, cost: Recreate,
	},
	"user": {
		set: func(c *spec.Container) { c.User = "1" }, other: func(c *spec.Container) { c.User = "2:3" },
		paths: []string{"user"}, cost: Recreate,
	},
	"groups": {
		set: func(c *spec.Container) { c.Groups = []string{"a", "b"} }, other: func(c *spec.Container) { c.Groups = []string{"a"} },
		same:  []func(*spec.Container){func(c *spec.Container) { c.Groups = []string{"b", "a"} }},
		none:  []func(*spec.Container){func(c *spec.Container) { c.Groups = []string{} }},
		paths: []string{"groups"}, cost: Recreate,
	},
	"hostname": {
		set: func(c *spec.Container) { c.Hostname = "a" }, other: func(c *spec.Container) { c.Hostname = "b" },
		paths: []string{"hostname"}, cost: Recreate,
	},
	"tty": {
		set: func(c *spec.Container) { c.TTY = true }, other: func(c *spec.Container) { c.TTY = false },
		paths: []string{"tty"}, cost: Recreate,
	},
	"labels": {
		set: func(c *spec.Container) { c.Labels = map[string]string{"a": "1"} }, other: func(c *spec.Container) { c.Labels = map[string]string{"a": "2"} },
		none:  []func(*spec.Container){func(c *spec.Container) { c.Labels = map[string]string{} }},
		paths: []string{`labels["a"]`}, cost: Relabel,
	},
	"annotations": {
		set: func(c *spec.Container) { c.Annotations = map[string]string{"a": "1"} }, other: func(c *spec.Container) { c.Annotations = map[string]string{"a": "2"} },
		paths: []string{`annotations["a"]`}, cost: Recreate,
	},
	"network_mode": {
		set: func(c *spec.Container) { c.NetworkMode = "host" }, other: func(c *spec.Container) { c.NetworkMode = "none" },
		paths: []string{"network_mode"}, cost: Recreate,
	},
	"mount": {
		set: func(c *spec.Container) {
			c.Mounts = []spec.Mount{{Target: "/a", Bind: "/x"}, {Target: "/t", Tmpfs: &spec.Tmpfs{Size: 5}}}
		},
		other: func(c *spec.Container) {
			c.Mounts = []spec.Mount{{Target: "/a", Bind: "/x", ReadOnly: true}, {Target: "/t", Tmpfs: &spec.Tmpfs{Size: 6}}, {Target: "/new", Bind: "/y"}}
		},
		same: []func(*spec.Container){func(c *spec.Container) {
			c.Mounts = []spec.Mount{{Target: "/t", Tmpfs: &spec.Tmpfs{Size: 5, Mode: "1777"}}, {Target: "/a", Bind: "/x", Propagation: "rprivate"}}
		}},
		none:  []func(*spec.Container){func(c *spec.Container) { c.Mounts = []spec.Mount{} }},
		paths: []string{`mount["/a"].read_only`, `mount["/new"]`, `mount["/t"].tmpfs.size`}, cost: Recreate,
	},
	"security": {
		set: func(c *spec.Container) { c.Security = spec.Security{Seccomp: "unconfined"} }, other: func(c *spec.Container) { c.Security = spec.Security{NoNewPrivileges: true} },
		none:  []func(*spec.Container){func(c *spec.Container) { c.Security.Seccomp = "default" }},
		paths: []string{"security.no_new_privileges", "security.seccomp"}, cost: Recreate,
	},
	"restart": {
		set: func(c *spec.Container) { c.Restart = spec.Restart{Policy: "on-failure", Max: 3} }, other: func(c *spec.Container) { c.Restart = spec.Restart{Policy: "on-failure"} },
		none:  []func(*spec.Container){func(c *spec.Container) { c.Restart.Policy = "no" }},
		paths: []string{"restart"}, cost: Relabel,
	},
	"state": {
		set: func(c *spec.Container) { c.State = "stopped" }, other: func(c *spec.Container) { c.State = "paused" },
		none:  []func(*spec.Container){func(c *spec.Container) { c.State = "running" }},
		paths: []string{"state"}, cost: Retask,
	},
	"ready": {
		set: func(c *spec.Container) { c.Ready = "completed" }, other: func(c *spec.Container) { c.Ready = "started" },
		none:  []func(*spec.Container){func(c *spec.Container) { c.Ready = "started" }},
		paths: []string{"ready"}, cost: Relabel,
	},
	"stop_signal": {
		set: func(c *spec.Container) { c.StopSignal = "SIGINT" }, other: func(c *spec.Container) { c.StopSignal = "SIGTERM" },
		paths: []string{"stop_signal"}, cost: Relabel,
	},
	"stop_timeout": {
		set: func(c *spec.Container) { c.StopTimeout = time.Second }, other: func(c *spec.Container) { c.StopTimeout = time.Minute },
		same:  []func(*spec.Container){func(c *spec.Container) { c.StopTimeout = 1000 * time.Millisecond }},
		none:  []func(*spec.Container){func(c *spec.Container) { c.StopTimeout = spec.DefaultStopTimeout }},
		paths: []string{"stop_timeout"}, cost: Relabel,
	},
	"depends_on": {
		set: func(c *spec.Container) {
			c.DependsOn = []spec.Addr{{Kind: "container", Name: "a"}, {Kind: "container", Name: "b"}}
		},
		other: func(c *spec.Container) { c.DependsOn = []spec.Addr{{Kind: "container", Name: "b"}} },
		same: []func(*spec.Container){func(c *spec.Container) {
			c.DependsOn = []spec.Addr{{Kind: "container", Name: "b"}, {Kind: "container", Name: "a"}}
		}},
		none:  []func(*spec.Container){func(c *spec.Container) { c.DependsOn = []spec.Addr{} }},
		paths: []string{"depends_on"}, cost: Relabel,
	},
	"runtime": {
		set: func(c *spec.Container) { c.Runtime = "x" }, other: func(c *spec.Container) { c.Runtime = "y" },
		none:  []func(*spec.Container){func(c *spec.Container) { c.Runtime = spec.DefaultRuntime }},
		paths: []string{"runtime"}, cost: Recreate,
	},
	"snapshotter": {
		set: func(c *spec.Container) { c.Snapshotter = "x" }, other: func(c *spec.Container) { c.Snapshotter = "y" },
		none:  []func(*spec.Container){func(c *spec.Container) { c.Snapshotter = "overlayfs" }},
		paths: []string{"snapshotter"}, cost: Recreate,
	},
	"lifecycle": {
		set: func(c *spec.Container) { c.Lifecycle.PreventDestroy = true }, other: func(c *spec.Container) { c.Lifecycle.PreventDestroy = false },
		none:  []func(*spec.Container){func(c *spec.Container) { c.Lifecycle.IgnoreChanges = []string{"env"} }},
		paths: []string{"lifecycle.prevent_destroy"}, cost: Relabel,
	},
}

func with(f func(*spec.Container)) *spec.Container {
	c := &spec.Container{}
	if f != nil {
		f(c)
	}
	return normal(c, host)
}

func paths(ds []Diff) []string {
	var out []string
	for _, d := range ds {
		out = append(out, d.Path)
	}
	return out
}

// TestRows: of each attribute, equal is equal however it is written, changed is seen down to the field, unset is the default, and
// empty is what the attribute says that empty is.
func TestRows(t *testing.T) {
	for i := range containerAttrs {
		row := &containerAttrs[i]
		t.Run(row.Name, func(t *testing.T) {
			c, ok := rowCases[row.Name]
			if !ok {
				t.Fatal("no case for this row")
			}
			diff := func(have, want func(*spec.Container)) []Diff {
				return compareContainers(&LiveContainer{}, with(have), with(want), nil)
			}
			for _, f := range append([]func(*spec.Container){c.set}, c.same...) {
				if d := diff(c.set, f); len(d) > 0 {
					t.Errorf("equal, and it differs: %v", paths(d))
				}
				if d := diff(f, c.set); len(d) > 0 {
					t.Errorf("equal, and it differs: %v", paths(d))
				}
			}
			for _, f := range append([]func(*spec.Container){nil}, c.none...) {
				if d := diff(nil, f); len(d) > 0 {
					t.Errorf("the default is written out, and it differs: %v", paths(d))
				}
				for _, d := range [][]Diff{diff(c.set, f), diff(f, c.set)} {
					if len(d) == 0 {
						t.Error("removed or added, and it does not differ")
					}
				}
			}
			d := diff(c.set, c.other)
			if !slices.Equal(paths(d), c.paths) {
				t.Errorf("differences: %v, want %v", paths(d), c.paths)
			}
			if dearest(d) != c.cost {
				t.Errorf("cost %d, want %d", dearest(d), c.cost)
			}
			if d := compareContainers(&LiveContainer{}, with(c.set), with(c.other), []string{row.Name}); len(d) > 0 {
				t.Errorf("ignored, and it differs: %v", paths(d))
			}
			to := with(nil)
			row.Copy(to, with(c.set))
			if d := compareContainers(&LiveContainer{}, with(c.set), to, nil); len(d) > 0 {
				t.Errorf("copied, and it differs: %v", paths(d))
			}
			unknown := with(nil)
			unknown.Marks.Unknown = map[string]bool{row.Name: true}
			if d := compareContainers(&LiveContainer{}, with(nil), unknown, nil); len(d) != 1 || d[0].After.IsKnown() {
				t.Errorf("unknown: %v", paths(d))
			}
		})
	}
}

func TestUnknownAndSecretElements(t *testing.T) {
	have := with(func(c *spec.Container) { c.Env = map[string]string{"A": "1", "B": "1"} })
	want := with(func(c *spec.Container) { c.Env = map[string]string{"A": "1", "B": "2", "C": ""} })
	want.Marks = spec.Marks{Unknown: map[string]bool{`env["A"]`: true, `env["C"]`: true}, Sensitive: map[string]bool{`env["B"]`: true}}
	d := compareContainers(&LiveContainer{}, have, want, nil)
	if got := strings.Join(paths(d), " "); got != `env["A"] env["B"] env["C"]` {
		t.Fatal(got)
	}
	if d[0].After.IsKnown() || !d[1].Secret || d[0].Secret || d[2].After.IsKnown() || !d[2].Before.IsNull() {
		t.Fatalf("%#v", d)
	}
}

// TestDocsNameEveryCost: the table of containers in docs/language.md has each row with what changing it costs.
func TestDocsNameEveryCost(t *testing.T) {
	doc, err := os.ReadFile("../docs/language.md")
	if err != nil {
		t.Fatal(err)
	}
	words := map[Cost]string{Relabel: "relabel", Retask: "retask", Recreate: "recreate"}
	lines := strings.Split(string(doc), "\n")
	for _, row := range containerAttrs {
		found := slices.ContainsFunc(lines, func(l string) bool {
			return strings.HasPrefix(l, "|") && strings.Contains(l, "`"+row.Name+"`") && strings.Contains(l, words[row.Cost])
		})
		if !found {
			t.Errorf("docs/language.md: no table row for `%s` with its cost, %q", row.Name, words[row.Cost])
		}
	}
}

func TestImageOfUnknownDigest(t *testing.T) {
	d := compareContainers(&LiveContainer{}, with(func(c *spec.Container) { c.Image = spec.ImageRef{Name: "a:1", Digest: "sha256:1"} }),
		with(func(c *spec.Container) { c.Image = spec.ImageRef{Name: "b:1", Digest: "sha256:1"} }), nil)
	if len(d) != 1 || d[0].Cost != Relabel {
		t.Fatalf("another name for the same content: %v", d)
	}
	if imageCost(cty.StringVal("a:1@sha256:1"), cty.UnknownVal(cty.String)) != Recreate {
		t.Fatal("unknown content")
	}
}

// TestDefaultsThatCameLater: what a container was created without, as it was no default then, is a difference only where the file asks
// for it.
func TestDefaultsThatCameLater(t *testing.T) {
	old := &LiveContainer{Lacks: []string{LackOfSeccomp, LackOfPrivileges, LackOfOpenFiles}}
	for _, c := range []struct {
		have *LiveContainer
		want spec.Security
		cost Cost
	}{
		{old, spec.Security{}, Free},
		{old, spec.Security{Seccomp: spec.SeccompUnconfined}, Free},
		{old, spec.Security{Seccomp: spec.SeccompDefault}, Recreate},
		{old, spec.Security{NoNewPrivileges: true}, Free},
		{&LiveContainer{}, spec.Security{Seccomp: spec.SeccompDefault}, Free},
		{&LiveContainer{}, spec.Security{Seccomp: spec.SeccompUnconfined}, Recreate},
		{&LiveContainer{}, spec.Security{NoNewPrivileges: true}, Recreate},
	} {
		was, want := with(nil), with(func(x *spec.Container) { x.Security = c.want })
		canonicalizeSecurity(&was.Security, &want.Security, c.have.Lacks)
		if got := dearest(compareContainers(c.have, was, want, nil)); got != c.cost {
			t.Errorf("lacks %q, asked for %+v: cost %v, want %v", c.have.Lacks, c.want, got, c.cost)
		}
	}
}

// TestPendingOfAnEarlierVersion: what an earlier version created and couldn't start is created anew, as it would be now.
func TestPendingOfAnEarlierVersion(t *testing.T) {
	for _, lacks := range [][]string{nil, {LackOfSeccomp}} {
		p := &comparison{live: &LiveContainer{Live: Live{Pending: true}, Lacks: lacks}, full: &spec.Container{State: spec.StateRunning}, applied: spec.StateRunning}
		if got := canCarryOn(p); got != (lacks == nil) {
			t.Errorf("lacks %q: carried on with: %v", lacks, got)
		}
	}
}
