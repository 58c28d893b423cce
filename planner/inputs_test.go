package planner

import (
	"slices"
	"strconv"
	"testing"
)

// Inputs are read back as they were written, and what is odd in them is quoted as Go does.
func TestInputsEncode(t *testing.T) {
	odd := []string{"", "plain/path.go", "a b", `say "hi"`, `back\slash`, "new\nline", "\x00", "\x7f", "naïve", "\xff\xfe", "~!#$%&'()*+,-./:;<=>?@[]^_`{|}"}
	var in Inputs
	want := ""
	for _, s := range odd {
		in = append(in, Input{InputFile, s, s})
		want += "file " + strconv.Quote(s) + " " + strconv.Quote(s) + "\n"
	}
	text := in.Encode()
	if string(text) != want {
		t.Errorf("got\n%s\nwanted\n%s", text, want)
	}
	back, err := DecodeInputs(text)
	if err != nil || !slices.Equal(back, in) {
		t.Errorf("%v, %q", err, back)
	}
}
