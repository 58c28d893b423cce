package view

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// found is both halves of what a plan is made from.
type found struct {
	State   *planner.State   `json:"state"`
	Sources *planner.Sources `json:"sources"`
}

// recording is a host as cmd/fairlead's TestRecordHosts found it: with the files of the stack, and with what the fairlead that applied them said
// of it. It is read as if the files were where the test has them.
type recording struct {
	By    string            `json:"by"`
	Files map[string]string `json:"files"`
	Plan  string            `json:"plan"`
	found

	config *spec.Config
	origin planner.Origin
}

func readRecording(t *testing.T, name string) *recording {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../../planner/testdata/hosts", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &recording{}
	readBack(t, bytes.ReplaceAll(b, []byte("/srv/shop"), []byte(dir)), r)
	for name, text := range r.Files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	cfg, diags := spec.Load(".", spec.Inputs{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	r.config, r.origin = cfg, *r.State.Containers[0].Origin
	return r
}

func readBack(t *testing.T, b []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

// plan is the text of a plan from what was found.
func (r *recording) plan(t *testing.T, f found) string {
	t.Helper()
	p, diags := planner.Make(r.config, f.State, f.Sources, planner.Options{Origin: r.origin})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var out bytes.Buffer
	if err := Plan(&out, p, Style{}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestLastVersionPlansNothing: a host is as its files say to this fairlead too, if the last one before kinds became rows applied them.
func TestLastVersionPlansNothing(t *testing.T) {
	r := readRecording(t, "last_version")
	if len(r.State.Containers) < 9 || len(r.State.Images) < 9 {
		t.Fatalf("%d containers and %d images: that is not what was applied", len(r.State.Containers), len(r.State.Images))
	}
	if got := r.plan(t, r.found); got != r.Plan {
		t.Errorf("%s said:\n%s\nnow:\n%s", r.By, r.Plan, got)
	}
}

// TestLastVersionWasKilled: what an apply by that fairlead left in the middle is carried on with as it would have done.
func TestLastVersionWasKilled(t *testing.T) {
	r := readRecording(t, "last_version_killed")
	if d := cmp.Diff(r.Plan, r.plan(t, r.found)); d != "" {
		t.Errorf("-%s +now:\n%s", r.By, d)
	}
}

// TestRecordedHostsAreReadBack: what was found is the same once it was written and read again, and so is the plan made from it.
func TestRecordedHostsAreReadBack(t *testing.T) {
	for _, name := range []string{"last_version", "last_version_killed"} {
		t.Run(name, func(t *testing.T) {
			r := readRecording(t, name)
			b, err := json.Marshal(r.found)
			if err != nil {
				t.Fatal(err)
			}
			var again found
			readBack(t, b, &again)
			if d := cmp.Diff(r.found, again, cmp.Comparer(func(a, b cty.Value) bool { return a.RawEquals(b) })); d != "" {
				t.Errorf("-written +read:\n%s", d)
			}
			if got := r.plan(t, again); got != r.plan(t, r.found) {
				t.Errorf("another plan:\n%s", got)
			}
		})
	}
}
