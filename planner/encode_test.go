package planner

import (
	"bytes"
	"encoding/json"
	"math/rand"
	"reflect"
	"strings"
	"testing"

	"github.com/fairlead-dev/fairlead/spec"
)

// somePlans are plans of all kinds, as the random walk makes them.
func somePlans(t testing.TB, n int64) []*Plan {
	var out []*Plan
	for seed := range n {
		w := &world{r: rand.New(rand.NewSource(seed))}
		h := newModel(sources())
		for range 3 {
			cfg := w.config()
			for _, c := range spec.Of[*spec.Container](cfg) {
				c.Marks.Sensitive = map[string]bool{`env["A"]`: true}
			}
			p, diags := h.plan(cfg, Options{NewID: w.newID})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			out = append(out, p)
			if err := h.apply(p, w.r.Intn(len(p.Steps)+1), w.r.Intn); err != nil {
				t.Fatal(err)
			}
			w.drift(h)
		}
	}
	return out
}

func encoded(t testing.TB, p *Plan) []byte {
	var b bytes.Buffer
	if err := Encode(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSavedPlansComeBackWhole: what is decoded runs and reads like what was encoded.
func TestSavedPlansComeBackWhole(t *testing.T) {
	for _, p := range somePlans(t, 30) {
		b := encoded(t, p)
		got, err := Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != p.String() {
			t.Fatalf("got\n%s\nwant\n%s", got, p)
		}
		for i, s := range p.Steps {
			if op, ok := s.Op.(*CreateContainer); ok {
				want := *op.Want
				want.Block = spec.Block{Addr: want.Addr, Marks: spec.Marks{Sensitive: want.Marks.Sensitive}, Lifecycle: want.Lifecycle}
				have := *got.Steps[i].Op.(*CreateContainer).Want
				if len(want.DependsOn) == 0 {
					want.DependsOn = nil
				}
				if !reflect.DeepEqual(have, want) {
					t.Fatalf("got\n%+v\nwant\n%+v", have, want)
				}
			}
		}
		for i, c := range p.Changes {
			for j, d := range c.Diffs {
				g := got.Changes[i].Diffs[j]
				if g.Path != d.Path || g.Cost != d.Cost || g.Secret != d.Secret || !d.Secret && !d.After.IsNull() && !g.After.RawEquals(d.After) || g.Before.IsNull() != d.Before.IsNull() {
					t.Fatalf("got %#v\nwant %#v", g, d)
				}
			}
		}
		if !bytes.Equal(encoded(t, got), encoded(t, mustDecode(t, encoded(t, got)))) {
			t.Fatal("encoding again gives something else")
		}
	}
}

func mustDecode(t testing.TB, b []byte) *Plan {
	p, err := Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPlansOfTheLastFormatAreRead: the names that version 2 had for three fields give the same plan.
func TestPlansOfTheLastFormatAreRead(t *testing.T) {
	renamed := map[string]string{`"version": 3`: `"version": 2`, `"from": {`: `"made": {`, `"unknown": true`: `"later": true`, `"uninterruptible": true`: `"finish": true`}
	used := map[string]bool{}
	for _, p := range somePlans(t, 40) {
		now := encoded(t, p)
		old := now
		for name, was := range renamed {
			used[name] = used[name] || bytes.Contains(old, []byte(name))
			old = bytes.ReplaceAll(old, []byte(name), []byte(was))
		}
		if !bytes.Equal(encoded(t, mustDecode(t, old)), encoded(t, mustDecode(t, now))) {
			t.Fatalf("it gives another plan:\n%s", old)
		}
	}
	for name := range renamed {
		if !used[name] {
			t.Errorf("no plan has %s", name)
		}
	}
}

// TestSecretValuesAreNotInDiffs: the part of a saved plan that people read shows no sensitive value.
func TestSecretValuesAreNotInDiffs(t *testing.T) {
	seen := false
	for _, p := range somePlans(t, 10) {
		var f file
		if err := json.Unmarshal(encoded(t, p), &f); err != nil {
			t.Fatal(err)
		}
		for _, c := range f.Changes {
			for _, d := range c.Diffs {
				if d.Secret {
					seen = true
					if len(d.Before.Value)+len(d.After.Value) > 0 {
						t.Fatalf("%s: %s -> %s", d.Path, d.Before.Value, d.After.Value)
					}
				}
			}
		}
	}
	if !seen {
		t.Fatal("no plan has a secret difference")
	}
}

func TestDamagedPlans(t *testing.T) {
	var good []byte
	for _, p := range somePlans(t, 5) {
		if len(p.Steps) > 5 {
			good = encoded(t, p)
		}
	}
	replace := func(old, new string) []byte {
		if !bytes.Contains(good, []byte(old)) {
			t.Fatalf("no %q in the plan", old)
		}
		return bytes.Replace(good, []byte(old), []byte(new), 1)
	}
	for name, c := range map[string]struct {
		bytes []byte
		want  string
	}{
		"empty":         {nil, "no saved plan"},
		"text":          {[]byte("hello"), "no saved plan"},
		"other json":    {[]byte(`{"version": 1}`), "no saved plan"},
		"later version": {replace(`"version": 3`, `"version": 4`), "format version 4, and this fairlead reads versions 2 and 3"},
		"old version":   {replace(`"version": 3`, `"version": 1`), "format version 1, and this fairlead reads versions 2 and 3"},
		"no version":    {replace(`"version": 3`, `"version": 0`), "format version 0"},
		"cut":           {good[:len(good)/2], "no saved plan"},
		"followed":      {append(append([]byte{}, good...), "{}"...), "no saved plan"},
		"new field":     {replace(`"stack":`, `"stick":`), "unknown field"},
		"unknown op":    {replace(`"kind": "create_container"`, `"kind": "format_disk"`), `"format_disk" is no kind of step`},
		"op's field":    {replace(`"want":`, `"wunt":`), "unknown field"},
		"step numbers":  {replace(`"id": 2,`, `"id": 7,`), "numbered 7"},
		"order":         {replace(`"after": [`, `"after": [99,`), "cannot come after step 99"},
		"change":        {replace(`"change": 0`, `"change": 4711`), "change 4711"},
		"type":          {replace(`"cause": "`, `"cause": 1, "x": "`), "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Decode(bytes.NewReader(c.bytes))
			if err == nil || p != nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
		})
	}
}

// FuzzDecode: no bytes make Decode panic, and what it takes it gives back the same.
func FuzzDecode(f *testing.F) {
	for _, p := range somePlans(f, 40) {
		if n := len(p.Steps); n > 0 && n < 4 { // a small seed is a good seed
			f.Add(encoded(f, p))
		}
	}
	f.Add([]byte(`{"format":"fairlead plan","version":1,"steps":[{"id":1,"kind":"check_unmoved","op":null,"change":-1}]}`))
	f.Add([]byte(`{"format":"fairlead plan","version":1,"changes":[{"diffs":[{"before":{"type":"[]","value":"1"}}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(bytes.NewReader(b))
		if err != nil {
			return
		}
		again := mustDecode(t, encoded(t, p))
		if again.String() != p.String() {
			t.Fatalf("%s\n%s", again, p)
		}
		Stale(p, &State{})
	})
}
