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

// An image that an earlier version built with a lock file in its context is not built again for that alone.
func TestLockFilesOfEarlierVersions(t *testing.T) {
	in := Inputs{{InputArg, ".fairlead.lock.hcl", "1"}, {InputFile, "a", "1"}, {InputFile, "more:a", "1"}, {InputFile, "x.fairlead.lock.hcl", "1"}}
	was := append(slices.Clone(in), Input{InputFile, ".fairlead.lock.hcl", "1"}, Input{InputFile, "sub/.fairlead.lock.hcl", "1"}, Input{InputFile, "more:.fairlead.lock.hcl", "1"}, Input{InputFile, "more:d/.fairlead.lock.hcl", "1"}).Sorted()
	if got := was.WithoutLockFiles(); got.Digest() != in.Sorted().Digest() {
		t.Errorf("left: %v", got)
	}
}
