package planner

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// State and Sources are plain data: encoding/json writes them and reads them back without loss. What is here is for the few parts that JSON
// has no form for. Both hold what containers are given, secrets too, so that what is written is for its owner's eyes.

type driftJSON struct {
	Path string          `json:"path"`
	Was  json.RawMessage `json:"was,omitempty"`
	Is   json.RawMessage `json:"is,omitempty"`
}

// MarshalJSON writes the values with their types.
func (d Drift) MarshalJSON() ([]byte, error) {
	out := driftJSON{Path: d.Path}
	for _, v := range []struct {
		value cty.Value
		into  *json.RawMessage
	}{{d.Was, &out.Was}, {d.Is, &out.Is}} {
		if v.value == cty.NilVal {
			continue
		}
		b, err := ctyjson.Marshal(v.value, cty.DynamicPseudoType)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Path, err)
		}
		*v.into = b
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *Drift) UnmarshalJSON(b []byte) error {
	var in driftJSON
	if err := strict(b, &in); err != nil {
		return err
	}
	*d = Drift{Path: in.Path}
	for _, v := range []struct {
		text json.RawMessage
		into *cty.Value
	}{{in.Was, &d.Was}, {in.Is, &d.Is}} {
		if v.text == nil {
			continue
		}
		value, err := ctyjson.Unmarshal(v.text, cty.DynamicPseudoType)
		if err != nil {
			return fmt.Errorf("%s: %w", d.Path, err)
		}
		*v.into = value
	}
	return nil
}

// baseJSON is a Base with what steps, which saved plans hold, have no use for.
type baseJSON struct {
	Base
	Platforms map[string]int64 `json:"platforms,omitzero"`
	Needs     []string         `json:"needs,omitzero"`
	OnBuild   []string         `json:"onbuild,omitzero"`
}

type (
	plainSource Source
	sourceJSON  struct {
		plainSource
		Bases []baseJSON `json:"bases,omitzero"`
	}
)

// MarshalJSON writes the bases with all that is known of them.
func (s Source) MarshalJSON() ([]byte, error) {
	out := sourceJSON{plainSource: plainSource(s)}
	if s.Bases != nil {
		out.Bases = make([]baseJSON, len(s.Bases))
	}
	for i, b := range s.Bases {
		out.Bases[i] = baseJSON{b, b.Platforms, b.Needs, b.OnBuild}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Source) UnmarshalJSON(b []byte) error {
	var in sourceJSON
	if err := strict(b, &in); err != nil {
		return err
	}
	*s = Source(in.plainSource)
	if in.Bases != nil {
		s.Bases = make([]Base, len(in.Bases))
	}
	for i, b := range in.Bases {
		s.Bases[i] = b.Base
		s.Bases[i].Platforms, s.Bases[i].Needs, s.Bases[i].OnBuild = b.Platforms, b.Needs, b.OnBuild
	}
	return nil
}

type plainInput Input

// MarshalJSON quotes the name where it is no text: a file's name may be any bytes.
func (in Input) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(in.Name) {
		return json.Marshal(plainInput(in))
	}
	return json.Marshal(struct {
		plainInput
		Name   string `json:"n,omitempty"`
		Quoted string `json:"q"`
	}{plainInput: plainInput(in), Quoted: strconv.Quote(in.Name)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (in *Input) UnmarshalJSON(b []byte) error {
	var got struct {
		plainInput
		Quoted string `json:"q"`
	}
	if err := strict(b, &got); err != nil {
		return err
	}
	*in = Input(got.plainInput)
	if got.Quoted == "" {
		return nil
	}
	name, err := strconv.Unquote(got.Quoted)
	in.Name = name
	return err
}
