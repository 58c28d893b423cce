package planner

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// State and Sources are plain data: encoding/json writes them and reads them back without loss. What is here is for the few parts that JSON
// has no form for. Both hold what containers are given, secrets too, so that what is written is for its owner's eyes.

// typedValue is written with its type.
type typedValue cty.Value

// MarshalJSON writes the value and its type.
func (v typedValue) MarshalJSON() ([]byte, error) {
	return ctyjson.Marshal(cty.Value(v), cty.DynamicPseudoType)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (v *typedValue) UnmarshalJSON(b []byte) error {
	got, err := ctyjson.Unmarshal(b, cty.DynamicPseudoType)
	*v = typedValue(got)
	return err
}

type driftJSON struct {
	Path string     `json:"path"`
	Was  typedValue `json:"was,omitzero"`
	Is   typedValue `json:"is,omitzero"`
}

// MarshalJSON writes the values with their types.
func (d Drift) MarshalJSON() ([]byte, error) {
	return json.Marshal(driftJSON{d.Path, typedValue(d.Was), typedValue(d.Is)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *Drift) UnmarshalJSON(b []byte) error {
	var in driftJSON
	err := strict(b, &in)
	*d = Drift{in.Path, cty.Value(in.Was), cty.Value(in.Is)}
	return err
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
