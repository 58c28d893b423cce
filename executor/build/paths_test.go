package build

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// A list of an earlier version, which has the whole context, differs from one of now only by what the Dockerfile takes; what is gone of that is seen.
func TestComparable(t *testing.T) {
	file := func(name string) planner.Input {
		return planner.Input{Kind: planner.InputFile, Name: name, Value: "x"}
	}
	option := planner.Input{Kind: planner.InputOption, Name: "README", Value: "x"}
	was := planner.Inputs{file("README"), file("n:a"), file("n:b"), file("src"), file("src/a"), file("src/b"), file("whole:a"), file("whole:gone"), option}
	now := planner.Inputs{file("n:a"), file("src"), file("src/a"), file("whole:a"), option}
	got, err := Comparable(was, now, map[string][]string{"": {"src"}, "n": {"a"}, "whole": nil})
	must(t, err)
	want := planner.Inputs{file("n:a"), file("src"), file("src/a"), file("src/b"), file("whole:a"), file("whole:gone"), option}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("(-want +got):", diff)
	}
	if why := planner.WhyBuild(got, now); len(why) != 1 || why[0] != "src/b and whole:gone removed" {
		t.Errorf("%q", why)
	}
	for name, taken := range map[string]map[string][]string{"all": {"": nil, "n": nil, "whole": nil}, "no directories": {}} {
		if got, err := Comparable(was, now, taken); err != nil || len(got) != len(was) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	url := func(value string) planner.Inputs {
		return planner.Inputs{{Kind: planner.InputContext, Name: "context", Value: "http://example.com/a" + value}}
	}
	sum := " " + digestOf(nil)
	for value, kept := range map[string]bool{"": false, " 12": false, " Mon, 1": true, "b 12": true, ` "tag"`: true, " " + digestOf([]byte("x")): true} {
		if got, err := Comparable(url(value), url(sum), nil); err != nil || cmp.Equal(got, url(sum)) == kept {
			t.Errorf("%q: %v, %v", value, got, err)
		}
	}
	if got, err := Comparable(was, planner.Inputs{option}, map[string][]string{"": {}}); err != nil || len(got) != 1 {
		t.Errorf("nothing: %v, %v", got, err)
	}
}

// What a Dockerfile takes of its contexts is what BuildKit's frontend asks for; where that isn't known, all is.
func TestWhatIsTaken(t *testing.T) {
	root := t.TempDir()
	dir, more := filepath.Join(root, "context"), filepath.Join(root, "more")
	for _, name := range []string{"README", "src/a.go", "src/b.txt", "lib/deep/c.go", "d.txt"} {
		write(t, dir, name, "x")
	}
	must(t, os.Symlink("lib", dir+"/link"))
	write(t, more, "m/one", "x")
	write(t, more, "two", "x")
	const all = "README d.txt lib lib/deep lib/deep/c.go link src src/a.go src/b.txt"
	for name, tt := range map[string]struct {
		text, want string
		build      spec.Build
	}{
		"a directory":              {"COPY src /", "src src/a.go src/b.txt", spec.Build{}},
		"a file":                   {"COPY ./src/../d.txt /", "d.txt", spec.Build{}},
		"all":                      {"COPY . /", all, spec.Build{}},
		"the root":                 {"COPY / /", all, spec.Build{}},
		"from above":               {"COPY ../../src /", "src src/a.go src/b.txt", spec.Build{}},
		"a wildcard":               {"COPY src/*.go *.txt /", "d.txt src src/a.go", spec.Build{}},
		"a directory by wildcard":  {"COPY s* /", "src src/a.go src/b.txt", spec.Build{}},
		"over a link":              {"COPY link/deep /", "lib lib/deep lib/deep/c.go link", spec.Build{}},
		"several":                  {"COPY [\"d.txt\", \"src/a.go\", \"/\"]", "d.txt src src/a.go", spec.Build{}},
		"ADD":                      {"ADD d.txt https://example.com/x.tar?checksum=1 /", "d.txt", spec.Build{}},
		"parents and excludes":     {"COPY --parents --exclude=*.txt lib/./deep /", "lib lib/deep lib/deep/c.go", spec.Build{}},
		"a heredoc":                {"COPY <<E /x\n. /\nE", "", spec.Build{}},
		"nothing":                  {"RUN true", "", spec.Build{}},
		"a bind":                   {"RUN --mount=target=/s,source=src true", "src src/a.go src/b.txt", spec.Build{}},
		"a bind of all":            {"RUN --mount=type=bind,target=/s true", all, spec.Build{}},
		"a bind by a variable":     {"ARG X=d.txt\nRUN --mount=target=/s,source=$X true", "d.txt", spec.Build{}},
		"a bind by an unknown one": {"RUN --mount=target=/s,source=$X true", all, spec.Build{}},
		"other mounts":             {"RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t --mount=type=secret,id=x true", "", spec.Build{}},
		"of a stage":               {"COPY d.txt /\nFROM scratch\nCOPY --from=0 . /", "d.txt", spec.Build{}},
		"a stage that isn't built": {"COPY . /\nFROM scratch\nCOPY d.txt /", "d.txt", spec.Build{}},
		"a target":                 {"COPY d.txt /\nFROM scratch\nCOPY . /", "d.txt", spec.Build{Target: "one"}},
		"an argument":              {"ARG X=src\nCOPY $X/a.go /", "src src/a.go", spec.Build{}},
		"an argument of the block": {"ARG X=src\nCOPY $X /", "d.txt", spec.Build{Args: map[string]string{"X": "d.txt"}}},
		"ENV":                      {"ENV X=d Y=.txt\nENV Z=$X$Y\nCOPY ${Z} /", "d.txt", spec.Build{}},
		"inherited":                {"ENV X=d.txt\nFROM one\nCOPY $X /", "d.txt", spec.Build{}},
		"unknown":                  {"COPY $X /", all, spec.Build{}},
		"unknown, with a default":  {"COPY ${X:-d.txt} /", all, spec.Build{}},
		"unknown by then":          {"ENV X=d.txt\nENV X=$Y\nCOPY $X /", all, spec.Build{}},
		"an argument without any":  {"ARG X\nCOPY $X /", all, spec.Build{}},
		"ONBUILD":                  {"ONBUILD COPY src/a.go /\nFROM one", "src src/a.go", spec.Build{}},
		"another language":         {"COPY d.txt /", all, spec.Build{Args: map[string]string{"BUILDKIT_SYNTAX": "example.com/other"}}},
		"a named context":          {"COPY --from=n m /\nCOPY d.txt /", "d.txt n:m n:m/one", spec.Build{}},
		"a named one by mount":     {"RUN --mount=from=n,target=/x,source=two true", "n:two", spec.Build{}},
		"all of a named one":       {"COPY --from=n . /", "n:m n:m/one n:two", spec.Build{}},
		"on a named one":           {"FROM n\nCOPY --from=n two /", "n:m n:m/one n:two", spec.Build{}},
		"in a stage's place":       {"FROM scratch AS n\nFROM scratch\nCOPY --from=n two /", "n:m n:m/one n:two", spec.Build{}},
	} {
		b := tt.build
		b.Context, b.Inline, b.Contexts = dir, "FROM scratch AS one\n"+tt.text+"\n", map[string]spec.BuildContext{"n": {Dir: more}}
		if name == "another language" {
			b.Inline = "LET x\n"
			b.Contexts = nil
		}
		r := mustRead(t, b, Options{})
		if got := strings.Join(slices.Sorted(maps.Keys(files(r.Inputs))), " "); got != tt.want {
			t.Errorf("%s: %s; want %s", name, got, tt.want)
		}
	}
}
