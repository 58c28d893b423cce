package mark

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
	here := Signer{namespace: "n", key: []byte("this host's key")}
	labels := OwnerLabels(web, "id", false)
	marked := func(s Signer, id string, o planner.Owner) *Applied { return &Applied{Mark: s.Sign(id, o)} }
	for name, c := range map[string]struct {
		signer   Signer
		labels   map[string]string
		extended bool
		applied  *Applied
		owned    bool
		other    bool
	}{
		"marked":                          {here, labels, true, marked(here, "id", web), true, false},
		"labels alone":                    {here, labels, false, nil, false, false},
		"of the last version":             {here, labels, true, &Applied{}, true, false},
		"extension written over":          {here, labels, true, nil, true, false},
		"extension and no labels":         {here, nil, true, marked(here, "id", web), false, false},
		"labels of another container":     {here, OwnerLabels(web, "other", false), true, marked(here, "other", web), false, false},
		"mark of another container":       {here, labels, true, marked(here, "other", web), false, true},
		"mark of another namespace":       {here, labels, true, marked(Signer{namespace: "m", key: here.key}, "id", web), false, true},
		"mark of another stack":           {here, labels, true, marked(here, "id", planner.Owner{Stack: "x", Addr: web.Addr}), false, true},
		"mark of another key":             {here, labels, true, marked(Signer{namespace: "n", key: []byte("another")}, "id", web), false, true},
		"no key here":                     {Signer{namespace: "n"}, labels, true, marked(here, "id", web), false, true},
		"no key here, of an empty key":    {Signer{namespace: "n"}, labels, true, marked(Signer{namespace: "n"}, "id", web), false, true},
		"the key is not ours to read":     {Signer{namespace: "n", unread: true}, labels, true, marked(here, "id", web), true, false},
		"not ours to read, labels alone":  {Signer{namespace: "n", unread: true}, labels, false, nil, false, false},
		"an address that isn't one":       {here, map[string]string{LabelStack: "s", LabelOwner: "id", LabelAddress: "?"}, true, nil, false, false},
		"of the last version, no key yet": {Signer{namespace: "n"}, labels, true, &Applied{}, true, false},
	} {
		owner, other := c.signer.Owner(c.labels, "id", c.extended, c.applied)
		if (owner != nil) != c.owned || (other != nil) != c.other {
			t.Errorf("%s: owner %v, by another key %v", name, owner, other)
		}
	}
}

// What the last version wrote in the extension reads as before, and without a mark.
func TestAppliedOfTheLastVersion(t *testing.T) {
	x := &ptypes.Any{TypeUrl: AppliedURL, Value: []byte(`{"spec":{"Name":"s-web"},"image":{"cmd":["/probe"]},"user":{"uid":0,"gid":0},"mounts":["/proc"]}`)}
	a, err := DecodeApplied(map[string]*ptypes.Any{Extension: x})
	if err != nil || a.Mark != "" || a.OwnNames != nil || a.Spec.Name != "s-web" {
		t.Fatalf("%+v, %v", a, err)
	}
}

// Reading makes no key; a key that is cut off is none.
func TestReadingMakesNoKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if s := ReadSigner("n", path); s.key != nil || s.unread {
		t.Errorf("%+v", s)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("it is there now")
	}
	w, err := NewSigner("n", path)
	if err != nil || len(w.key) != keySize {
		t.Fatal(err)
	}
	if s := ReadSigner("n", path); string(s.key) != string(w.key) {
		t.Errorf("%+v", s)
	}
	if err := os.WriteFile(path, w.key[:7], 0o600); err != nil {
		t.Fatal(err)
	}
	if s := ReadSigner("n", path); s.key != nil {
		t.Errorf("%+v", s)
	}
}
