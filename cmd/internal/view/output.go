package view

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// Output writes an output's value as it would stand in a file; a sensitive one isn't shown.
func Output(o *spec.Output) string { return valueText(o.Value, o.Sensitive) }

// OutputAlone writes one output that was asked for by name: a string as it is, for use in a shell. Asking for a sensitive one
// by name is asking to see it.
func OutputAlone(w io.Writer, o *spec.Output, asJSON bool) error {
	if !o.Value.IsWhollyKnown() {
		return fmt.Errorf("output %q: its value is known only after apply", o.Name)
	}
	if asJSON {
		return JSON(w, rawJSON(o.Value, false))
	}
	text := valueText(o.Value, false)
	if !o.Value.IsNull() && o.Value.Type() == cty.String {
		text = o.Value.AsString()
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// OutputsJSON writes all outputs as one document.
func OutputsJSON(w io.Writer, outputs []*spec.Output) error {
	type one struct {
		Value     json.RawMessage `json:"value"`
		Known     bool            `json:"known"`
		Sensitive bool            `json:"sensitive"`
	}
	all := map[string]one{}
	for _, o := range outputs {
		all[o.Name] = one{rawJSON(o.Value, o.Sensitive), o.Value.IsWhollyKnown(), o.Sensitive}
	}
	return JSON(w, map[string]any{"format": "fairlead.outputs", "version": Version, "outputs": all})
}
