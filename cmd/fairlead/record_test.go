package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/zclconf/go-cty/cty"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/fairlead-dev/fairlead/cmd/internal/harness"
	"github.com/fairlead-dev/fairlead/executor/ctrd"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// recordedHosts is where the tests of planner and view find what TestRecordHosts recorded.
const recordedHosts = "../../planner/testdata/hosts"

// recording is a host as it was found, with the files of the stack. No path, name or port of the machine is in it.
type recording struct {
	By      string            `json:"by"`    // the fairlead that applied the stack
	Files   map[string]string `json:"files"` // of the stack's directory, which is /srv/shop
	State   *planner.State    `json:"state"`
	Sources *planner.Sources  `json:"sources"`
	Plan    string            `json:"plan"` // what that fairlead's plan wrote there
}

// TestRecordHosts has another fairlead, FAIRLEAD_RECORD=PROGRAM, apply a stack, and records what is found then: once whole, and once after an
// apply that was killed in the middle. TestLastVersionPlansNothing and TestLastVersionWasKilled read the recordings.
func TestRecordHosts(t *testing.T) {
	old := os.Getenv("FAIRLEAD_RECORD")
	if old == "" {
		t.Skip("FAIRLEAD_RECORD names no other fairlead")
	}
	shared.start(t)
	l := newBuildLab(t, shared.daemons[len(shared.daemons)-1])
	reg := harness.NewRegistry(false, false)
	defer reg.Stop()
	img, err := shared.probes.Image(harness.ImageOptions{Version: "2"})
	l.ok(err)
	l.ok(reg.Push(t.Context(), "pulled/side:2", img))
	l.program = filepath.Join(l.dir, "old")
	l.ok(os.WriteFile(l.program, fmt.Appendf(nil, wrapper, old), 0o755))
	stack, err := txtar.ParseFile("testdata/hosts/shop.txtar")
	l.ok(err)
	l.ok(os.Remove(filepath.Join(l.dir, "s.fairlead.hcl")))
	for _, f := range stack.Files {
		l.ok(os.MkdirAll(filepath.Dir(filepath.Join(l.dir, f.Name)), 0o755))
		l.file(f.Name, strings.ReplaceAll(string(f.Data), "$REGISTRY", reg.Host))
	}
	host, err := os.Hostname()
	l.ok(err)
	neutral := strings.NewReplacer(l.dir, "/srv/shop", reg.Host, "127.0.0.1:5000", `"host":"`+host+`"`, `"host":"server"`, `"namespace":"`+l.namespace+`"`, `"namespace":"default"`)
	defer func() {
		l.must("destroy", "--yes")
		l.ok(os.WriteFile("/proc/sys/fs/binfmt_misc/fairlead-qemu-s390x", []byte("-1"), 0o644))
		l.ok(os.Remove("/etc/binfmt.d/fairlead-qemu-s390x.conf"))
	}()
	l.must("apply", "--yes")
	l.must("plan", "--detailed-exitcode")
	l.program, old = "", l.program
	l.must("plan", "--detailed-exitcode") // the new one reads what the old one wrote
	l.program = old
	l.record("last_version", neutral)

	text, err := os.ReadFile(filepath.Join(l.dir, "stack.fairlead.hcl"))
	l.ok(err)
	changed := strings.NewReplacer(`VERSION = "mine"`, `VERSION = "yours"`, "KEY = each.key", "KEY = upper(each.key)", `N = count.index`, `N = count.index + 1`, `"example.com/app:latest"`, `"example.com/app:newest"`).Replace(string(text))
	gone := strings.Index(changed, `container "paused"`)
	changed = changed[:gone] + changed[strings.Index(changed, `output "web"`):]
	l.file("stack.fairlead.hcl", strings.ReplaceAll(changed, "prevent_destroy = true", "prevent_destroy = false"))
	starts := 0
	if !l.killedWhen(func(_ int, method string) bool {
		if strings.HasSuffix(method, "Tasks/Start") {
			starts++
		}
		return starts == 2
	}) {
		t.Fatal("the apply ended before it was killed")
	}
	l.record("last_version_killed", neutral)
	l.must("apply", "--yes")
}

// record writes what is there now into a file.
func (l *buildLab) record(name string, neutral *strings.Replacer) {
	l.t.Helper()
	text, _ := l.try("plan")
	cfg, diags := spec.Load(l.dir, spec.Inputs{})
	if diags.HasErrors() {
		l.t.Fatal(diags)
	}
	r, err := ctrd.OpenReader(l.t.Context(), ctrd.Options{Address: l.daemon.Address, Namespace: l.namespace, DataRoot: l.dataRoot()})
	l.ok(err)
	defer r.Close()
	a := &app{quiet: true}
	have, found, err := a.find(l.t.Context(), cfg, r, planner.Options{})
	l.ok(err)
	for _, half := range []struct{ was, again any }{{have, &planner.State{}}, {found, &planner.Sources{}}} {
		b, err := json.Marshal(half.was)
		l.ok(err)
		l.ok(json.Unmarshal(b, half.again))
		if d := cmp.Diff(half.was, half.again, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b cty.Value) bool { return a.RawEquals(b) })); d != "" {
			l.t.Errorf("%s is not read back as it was found: (-found +read)\n%s", name, d)
		}
	}
	rec := recording{By: "396a77f", Files: map[string]string{}, State: have, Sources: found, Plan: text}
	l.ok(filepath.WalkDir(l.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(l.dir, path)
		switch {
		case d.IsDir() && rel != "." && rel != "conf":
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(rel, ".hcl") && !strings.HasSuffix(rel, ".env"):
			return nil
		}
		text, err := os.ReadFile(path)
		rec.Files[rel] = string(text)
		return err
	}))
	b, err := json.Marshal(rec)
	l.ok(err)
	var out bytes.Buffer
	l.ok(json.Indent(&out, []byte(neutral.Replace(string(b))), "", " "))
	out.WriteByte('\n')
	l.ok(os.MkdirAll(recordedHosts, 0o755))
	l.ok(os.WriteFile(filepath.Join(recordedHosts, name+".json"), out.Bytes(), 0o644))
}
