package ocispec

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/containers"
	ptypes "github.com/containerd/containerd/v2/pkg/protobuf/types"

	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// TestOutsideChanges: what somebody else writes into a record is told by its path, once, and what a row shows is left to the row.
func TestOutsideChanges(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(doc map[string]any, r *containers.Container)
		want []string
	}{
		"nothing": {func(map[string]any, *containers.Container) {}, nil},
		"memory": {func(d map[string]any, _ *containers.Container) {
			member(member(d, "linux"), "resources")["memory"] = map[string]any{"limit": 1}
		}, []string{"linux.resources.memory.limit"}},
		"an empty object": {func(d map[string]any, _ *containers.Container) {
			member(member(d, "linux"), "resources")["memory"] = map[string]any{}
		}, nil},
		"a list": {func(d map[string]any, _ *containers.Container) { delete(member(d, "linux"), "readonlyPaths") }, []string{"linux.readonlyPaths"}},
		"root":   {func(d map[string]any, _ *containers.Container) { member(d, "root")["readonly"] = true }, []string{"root.readonly"}},
		"a hook": {func(d map[string]any, _ *containers.Container) {
			d["hooks"] = map[string]any{"prestart": []any{"x"}}
		}, []string{"hooks.prestart"}},
		"a default": {func(d map[string]any, _ *containers.Container) { d["mounts"] = d["mounts"].([]any)[1:] }, []string{`mounts["/proc"].options`, `mounts["/proc"].source`, `mounts["/proc"].type`}},
		"a namespace": {func(d map[string]any, _ *containers.Container) {
			member(d, "linux")["namespaces"] = []any{map[string]any{"type": "network"}}
		}, []string{"hostname", "linux.namespaces.ipc", "linux.namespaces.mount", "linux.namespaces.pid", "linux.namespaces.uts"}},
		"a namespace of another": {func(d map[string]any, _ *containers.Container) {
			for _, n := range member(d, "linux")["namespaces"].([]any) {
				if n := n.(map[string]any); n["type"] == "uts" {
					n["path"] = "/proc/1/ns/uts"
				}
			}
		}, []string{"linux.namespaces.uts"}},
		"an option of a mount": {func(d map[string]any, _ *containers.Container) {
			mountTo(d, "/data")["options"] = []any{"rbind", "rprivate", "rw", "noexec"}
		}, []string{`mounts["/data"].options`}},
		"what a row shows of a mount": {func(d map[string]any, _ *containers.Container) {
			m := mountTo(d, "/data")
			m["source"], m["options"] = "/etc", []any{"rbind", "rslave", "ro"}
		}, nil},
		"rows": {func(d map[string]any, _ *containers.Container) {
			p := member(d, "process")
			p["env"], p["cwd"], p["args"] = []any{"A=s3cret"}, "/x", []any{"x"}
		}, nil},
		"profile": {func(d map[string]any, _ *containers.Container) {
			member(member(d, "linux"), "seccomp")["defaultAction"] = "x"
		}, []string{"linux.seccomp"}},
		"no profile": {func(d map[string]any, _ *containers.Container) { delete(member(d, "linux"), "seccomp") }, nil},
		"snapshot":   {func(_ map[string]any, r *containers.Container) { r.SnapshotKey = "other" }, []string{"snapshot_key"}},
		"runtime": {func(_ map[string]any, r *containers.Container) {
			r.Runtime.Options = &ptypes.Any{TypeUrl: "x", Value: []byte("y")}
		}, []string{"runtime_options"}},
		"other limits": {func(d map[string]any, _ *containers.Container) { member(d, "process")["oomScoreAdj"] = -5 }, []string{"process.oomScoreAdj"}},
	} {
		t.Run(name, func(t *testing.T) {
			want := plainContainer()
			want.Env = map[string]string{"A": "s3cret"}
			want.Mounts = []spec.Mount{{Target: "/data", Bind: "/tmp"}}
			r, user, own := recordOf(t, want)
			w, err := Written(r)
			if err != nil {
				t.Fatal(err)
			}
			rest, err := inflate(w)
			if b, _ := json.Marshal(rest); err != nil || strings.Contains(string(b), "s3cret") {
				t.Fatalf("what is kept beside the record: %s (%v)", b, err)
			}
			if len(w.Rest) > 2048 {
				t.Errorf("%d bytes are kept beside each record", len(w.Rest))
			}
			var doc map[string]any
			if err := json.Unmarshal(r.Spec.GetValue(), &doc); err != nil {
				t.Fatal(err)
			}
			c.edit(doc, r)
			setSpec(t, r, doc)
			got, err := Read(r, &mark.Applied{Spec: want, Image: sampleImage, User: user, Mounts: own, Written: w}, true, false)
			if err != nil {
				t.Fatal(err)
			}
			var paths []string
			for _, d := range got.Drift {
				paths = append(paths, d.Path)
			}
			if !slices.Equal(paths, c.want) {
				t.Errorf("drift in %q, want %q", paths, c.want)
			}
		})
	}
}

func setSpec(t *testing.T, r *containers.Container, doc map[string]any) {
	t.Helper()
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	r.Spec = &ptypes.Any{Value: b}
}

func mountTo(doc map[string]any, target string) map[string]any {
	for _, m := range doc["mounts"].([]any) {
		if m := m.(map[string]any); m["destination"] == target {
			return m
		}
	}
	return nil
}

// TestRecordOfAnEarlierVersion: a container without the defaults of today, created when they were none, differs from its file in nothing.
func TestRecordOfAnEarlierVersion(t *testing.T) {
	want := plainContainer()
	r, user, own := recordOf(t, want)
	var doc map[string]any
	if err := json.Unmarshal(r.Spec.GetValue(), &doc); err != nil {
		t.Fatal(err)
	}
	delete(member(doc, "linux"), "seccomp")
	member(doc, "process")["noNewPrivileges"] = true
	member(doc, "process")["rlimits"] = []any{map[string]any{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}}
	setSpec(t, r, doc)
	got, err := Read(r, &mark.Applied{Spec: want, Image: sampleImage, User: user, Mounts: own}, true, false)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "as asked", want, got.Spec)
	if got.Spec.Security != (spec.Security{}) || len(got.Drift) != 0 {
		t.Errorf("security %v, drift %v", got.Spec.Security, got.Drift)
	}
	if lacks := []string{planner.LackOfSeccomp, planner.LackOfPrivileges, planner.LackOfOpenFiles}; !slices.Equal(got.Lacks, lacks) {
		t.Errorf("it lacks %q, want %q", got.Lacks, lacks)
	}
}
