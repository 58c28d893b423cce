package planner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/fairlead-dev/fairlead/spec"
)

// FormatVersion is the version of the saved plan's format: a new one for each field that an earlier fairlead doesn't know, so that
// it says so and takes the file for no damaged one. Plans from oldestVersion on are read, all others refused.
const (
	FormatVersion = 3
	oldestVersion = 2
)

// file is a saved plan.
type file struct {
	Format    string       `json:"format"`
	Version   int          `json:"version"`
	Stack     string       `json:"stack"`
	Namespace string       `json:"namespace"`
	Changes   []fileChange `json:"changes"`
	Steps     []fileStep   `json:"steps"`
	Touches   []Touch      `json:"touches"`
	Pins      spec.Lock    `json:"pins"`
	Summary   Summary      `json:"summary"`
	From      PlannedFrom  `json:"from"`
	Made      *PlannedFrom `json:"made,omitempty"` // as version 2 wrote From
	Elsewhere *Origin      `json:"elsewhere,omitempty"`
}

const fileFormat = "fairlead plan"

type fileChange struct {
	Change
	Diffs []fileDiff `json:"diffs"`
	Decl  *hcl.Range `json:"decl"`
}

type fileDiff struct {
	Path    string    `json:"path"`
	Before  fileValue `json:"before"`
	After   fileValue `json:"after"`
	Cost    Cost      `json:"cost"`
	Secret  bool      `json:"secret,omitempty"`
	Outside bool      `json:"outside,omitempty"`
}

// fileValue is a value of any type. Secret ones are not written: a plan shows them as such, and runs from its steps alone.
type fileValue struct {
	Type    json.RawMessage `json:"type,omitempty"`
	Value   json.RawMessage `json:"value,omitempty"`
	Absent  bool            `json:"absent,omitempty"`
	Unknown bool            `json:"unknown,omitempty"` // until apply
	Later   bool            `json:"later,omitempty"`   // as version 2 wrote Unknown
}

type fileStep struct {
	ID              int      `json:"id"`
	fileOp                   // its op
	Change          int      `json:"change"`
	After           []int    `json:"after"`
	If              []int    `json:"if,omitempty"`
	Cause           string   `json:"cause"`
	Undo            []fileOp `json:"undo,omitempty"`
	Uninterruptible bool     `json:"uninterruptible,omitempty"`
	Finish          bool     `json:"finish,omitempty"` // as version 2 wrote Uninterruptible
}

type fileOp struct {
	Kind string          `json:"kind"`
	Op   json.RawMessage `json:"op"`
}

// Encode writes a plan so that Decode gives it back. It holds the values that the steps need, so it is for its owner's eyes.
func Encode(w io.Writer, p *Plan) error {
	f := file{Format: fileFormat, Version: FormatVersion, Stack: p.Stack, Namespace: p.Namespace, Touches: p.Touches, Pins: p.Pins, Summary: p.Summary, From: p.From, Elsewhere: p.Elsewhere}
	for _, c := range p.Changes {
		fc := fileChange{Change: *c, Decl: c.Decl}
		for _, d := range c.Diffs {
			fd := fileDiff{Path: d.Path, Cost: d.Cost, Secret: d.Secret, Outside: d.Outside}
			var err error
			if fd.Before, err = encodeValue(d.Before, d.Secret); err != nil {
				return fmt.Errorf("plan: %s: %w", d.Path, err)
			}
			if fd.After, err = encodeValue(d.After, d.Secret); err != nil {
				return fmt.Errorf("plan: %s: %w", d.Path, err)
			}
			fc.Diffs = append(fc.Diffs, fd)
		}
		f.Changes = append(f.Changes, fc)
	}
	for _, s := range p.Steps {
		fs := fileStep{ID: s.ID, Change: s.Change, After: s.After, If: s.If, Cause: s.Cause, Uninterruptible: s.Uninterruptible}
		var err error
		if fs.fileOp, err = encodeOp(s.Op); err != nil {
			return fmt.Errorf("plan: step %d: %w", s.ID, err)
		}
		for _, u := range s.Undo {
			op, err := encodeOp(u)
			if err != nil {
				return fmt.Errorf("plan: step %d: %w", s.ID, err)
			}
			fs.Undo = append(fs.Undo, op)
		}
		f.Steps = append(f.Steps, fs)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(f)
}

func encodeOp(op Op) (fileOp, error) {
	b, err := json.Marshal(op)
	return fileOp{Kind: RowOf(op).Name, Op: b}, err
}

func encodeValue(v cty.Value, secret bool) (fileValue, error) {
	switch {
	case v == cty.NilVal || v.IsKnown() && v.IsNull():
		return fileValue{Absent: true}, nil
	case !v.IsKnown():
		t, err := ctyjson.MarshalType(v.Type())
		return fileValue{Type: t, Unknown: true}, err
	case secret:
		return fileValue{}, nil
	}
	t, err := ctyjson.MarshalType(v.Type())
	if err != nil {
		return fileValue{}, err
	}
	b, err := ctyjson.Marshal(v, v.Type())
	return fileValue{Type: t, Value: b}, err
}

// Decode reads what Encode wrote, and nothing else: a plan is run verbatim or not at all.
func Decode(r io.Reader) (*Plan, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(b, &head); err != nil || head.Format != fileFormat {
		return nil, errors.New("plan: the file is no saved plan, or it is damaged: make one with `fairlead plan --out FILE`")
	}
	if head.Version < oldestVersion || head.Version > FormatVersion {
		return nil, fmt.Errorf("plan: the file has format version %d, and this fairlead reads versions %d and %d: make the plan anew with this fairlead", head.Version, oldestVersion, FormatVersion)
	}
	var f file
	if err := strict(b, &f); err != nil {
		return nil, fmt.Errorf("plan: the file is damaged: %w; make the plan anew", err)
	}
	p, err := f.plan()
	if err != nil {
		return nil, fmt.Errorf("plan: the file is damaged: %w; make the plan anew", err)
	}
	return p, nil
}

func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the plan")
	}
	return nil
}

func (f *file) plan() (*Plan, error) {
	p := &Plan{Stack: f.Stack, Namespace: f.Namespace, Touches: f.Touches, Pins: f.Pins, Summary: f.Summary, From: f.from(), Elsewhere: f.Elsewhere}
	for i := range f.Changes {
		fc := &f.Changes[i]
		c := fc.Change
		c.Decl = fc.Decl
		for _, fd := range fc.Diffs {
			before, err := decodeValue(fd.Before, fd.Secret)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", fd.Path, err)
			}
			after, err := decodeValue(fd.After, fd.Secret)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", fd.Path, err)
			}
			if fd.Cost < Free || fd.Cost > Recreate {
				return nil, fmt.Errorf("%s: there is no cost %d", fd.Path, fd.Cost)
			}
			c.Diffs = append(c.Diffs, Diff{Path: fd.Path, Before: before, After: after, Cost: fd.Cost, Secret: fd.Secret, Outside: fd.Outside})
		}
		p.Changes = append(p.Changes, &c)
	}
	for i := range f.Steps {
		s, err := f.Steps[i].step(i+1, len(p.Changes))
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i+1, err)
		}
		p.Steps = append(p.Steps, s)
	}
	return p, nil
}

// from is what the plan was made from, by either of its names.
func (f *file) from() PlannedFrom {
	if f.Made != nil {
		return *f.Made
	}
	return f.From
}

func (fs *fileStep) step(id, changes int) (*Step, error) {
	s := &Step{ID: fs.ID, Change: fs.Change, After: fs.After, If: fs.If, Cause: fs.Cause, Uninterruptible: fs.Uninterruptible || fs.Finish}
	if fs.ID != id {
		return nil, fmt.Errorf("it is numbered %d", fs.ID)
	}
	last := 0
	for _, a := range fs.After {
		if a <= last || a >= id {
			return nil, fmt.Errorf("it cannot come after step %d", a)
		}
		last = a
	}
	for _, a := range fs.If {
		if a < 1 || a >= id {
			return nil, fmt.Errorf("it cannot depend on step %d", a)
		}
	}
	var err error
	if s.Op, err = decodeOp(fs.fileOp); err != nil {
		return nil, err
	}
	if check := RowOf(s.Op).Phase == PhaseCheck; fs.Change >= changes || fs.Change < -1 || (fs.Change == -1) != check {
		return nil, fmt.Errorf("it serves change %d, which is not there", fs.Change)
	}
	for _, u := range fs.Undo {
		op, err := decodeOp(u)
		if err != nil {
			return nil, err
		}
		s.Undo = append(s.Undo, op)
	}
	return s, nil
}

func decodeOp(f fileOp) (Op, error) {
	r := rowsByName[f.Kind]
	if r == nil {
		return nil, fmt.Errorf("%q is no kind of step", f.Kind)
	}
	op := r.New()
	if err := strict(f.Op, op); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Kind, err)
	}
	return op, r.check(op)
}

func decodeValue(f fileValue, secret bool) (cty.Value, error) {
	switch {
	case f.Absent:
		return cty.NullVal(cty.DynamicPseudoType), nil
	case secret:
		return cty.StringVal("(sensitive)"), nil
	}
	t, err := ctyjson.UnmarshalType(f.Type)
	if err != nil {
		return cty.NilVal, err
	}
	if f.Unknown || f.Later {
		return cty.UnknownVal(t), nil
	}
	return ctyjson.Unmarshal(f.Value, t)
}
