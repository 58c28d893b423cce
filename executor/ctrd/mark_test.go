package ctrd

import (
	"os"
	"path/filepath"
	"testing"

	ptypes "github.com/containerd/containerd/v2/pkg/protobuf/types"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// Whose a container is needs the labels, the extension, and a mark of this host's key. What the last version wrote has no mark, and counts.
func TestOwnerOfAContainer(t *testing.T) {
	web := planner.Owner{Stack: "s", Addr: spec.Addr{Kind: spec.KindContainer, Name: "web"}}
	here := marks{namespace: "n", key: []byte("this host's key")}
	labels := ownLabels(web, "id", false)
	marked := func(m marks, id string, o planner.Owner) *applied { return &applied{Mark: m.of(id, o)} }
	for name, c := range map[string]struct {
		marks    marks
		labels   map[string]string
		extended bool
		applied  *applied
		owned    bool
		other    bool
	}{
		"marked":                          {here, labels, true, marked(here, "id", web), true, false},
		"labels alone":                    {here, labels, false, nil, false, false},
		"of the last version":             {here, labels, true, &applied{}, true, false},
		"extension written over":          {here, labels, true, nil, true, false},
		"extension and no labels":         {here, nil, true, marked(here, "id", web), false, false},
		"labels of another container":     {here, ownLabels(web, "other", false), true, marked(here, "other", web), false, false},
		"mark of another container":       {here, labels, true, marked(here, "other", web), false, true},
		"mark of another namespace":       {here, labels, true, marked(marks{namespace: "m", key: here.key}, "id", web), false, true},
		"mark of another stack":           {here, labels, true, marked(here, "id", planner.Owner{Stack: "x", Addr: web.Addr}), false, true},
		"mark of another key":             {here, labels, true, marked(marks{namespace: "n", key: []byte("another")}, "id", web), false, true},
		"no key here":                     {marks{namespace: "n"}, labels, true, marked(here, "id", web), false, true},
		"no key here, of an empty key":    {marks{namespace: "n"}, labels, true, marked(marks{namespace: "n"}, "id", web), false, true},
		"the key is not ours to read":     {marks{namespace: "n", unread: true}, labels, true, marked(here, "id", web), true, false},
		"not ours to read, labels alone":  {marks{namespace: "n", unread: true}, labels, false, nil, false, false},
		"an address that isn't one":       {here, map[string]string{labelStack: "s", labelOwner: "id", labelAddress: "?"}, true, nil, false, false},
		"of the last version, no key yet": {marks{namespace: "n"}, labels, true, &applied{}, true, false},
	} {
		owner, other := c.marks.owner(c.labels, "id", c.extended, c.applied)
		if (owner != nil) != c.owned || (other != nil) != c.other {
			t.Errorf("%s: owner %v, by another key %v", name, owner, other)
		}
	}
}

// What the last version wrote in the extension reads as before, and without a mark.
func TestAppliedOfTheLastVersion(t *testing.T) {
	x := &ptypes.Any{TypeUrl: appliedURL, Value: []byte(`{"spec":{"Name":"s-web"},"image":{"cmd":["/probe"]},"user":{"uid":0,"gid":0},"mounts":["/proc"]}`)}
	a, err := decodeApplied(map[string]*ptypes.Any{extension: x})
	if err != nil || a.Mark != "" || a.OwnNames != nil || a.Spec.Name != "s-web" {
		t.Fatalf("%+v, %v", a, err)
	}
}

// Reading makes no key; a key that is cut off is none.
func TestReadingMakesNoKey(t *testing.T) {
	o := Options{DataRoot: t.TempDir(), Namespace: "n"}
	if m := o.readMarks(); m.key != nil || m.unread {
		t.Errorf("%+v", m)
	}
	if _, err := os.Stat(keyPath(o.root())); err == nil {
		t.Error("it is there now")
	}
	w, err := o.writeMarks()
	if err != nil || len(w.key) != keySize {
		t.Fatal(err)
	}
	if m := o.readMarks(); string(m.key) != string(w.key) {
		t.Errorf("%+v", m)
	}
	if err := os.WriteFile(filepath.Join(o.DataRoot, "key"), w.key[:7], 0o600); err != nil {
		t.Fatal(err)
	}
	if m := o.readMarks(); m.key != nil {
		t.Errorf("%+v", m)
	}
}
