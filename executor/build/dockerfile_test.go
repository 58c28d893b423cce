package build

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
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

const (
	amd64 = "linux/amd64"
	arm64 = "linux/arm64"
	armV7 = "linux/arm/v7"
)

// byName gives the values of one kind of input.
func byName(in planner.Inputs, kind planner.InputKind) map[string]string {
	out := map[string]string{}
	for _, i := range in {
		if i.Kind == kind {
			out[i.Name] = i.Value
		}
	}
	return out
}

func one(ref string, line int, use string, platforms ...string) Base {
	return Base{Ref: ref, Platforms: platforms, Line: line, Use: use}
}

// stagesCases are Dockerfiles with what is to be found in them.
var stagesCases = []struct {
	name      string
	text      string
	build     spec.Build
	platforms []string
	bases     []Base
	runs      []Run
}{
	{name: "one stage", text: "FROM alpine:3\nRUN a\n",
		bases: []Base{one("docker.io/library/alpine:3", 1, useFrom, amd64)}},
	{name: "no tag, a digest, a host", text: "FROM alpine AS a\nFROM alpine@sha256:" + strings.Repeat("a", 64) + " AS b\nFROM ghcr.io/x/y:1\nCOPY --from=a / /\nCOPY --from=b / /\n",
		bases: []Base{one("docker.io/library/alpine:latest", 1, useFrom, amd64), one("docker.io/library/alpine@sha256:"+strings.Repeat("a", 64), 2, useFrom, amd64), one("ghcr.io/x/y:1", 3, useFrom, amd64)}},
	{name: "scratch", text: "from scratch\ncopy . /\n"},
	{name: "instructions in any case", text: "from alpine as One\nrun x\nFrom one\nCoPy --from=busybox / /\n", platforms: []string{arm64},
		bases: []Base{one("docker.io/library/alpine:latest", 1, useFrom, arm64), one("docker.io/library/busybox:latest", 4, useCopy, arm64)},
		runs:  []Run{{2, "one", "run x", []string{arm64}}}},
	{name: "ARG with a default", text: "ARG V=3.18\nFROM alpine:$V\n",
		bases: []Base{one("docker.io/library/alpine:3.18", 2, useFrom, amd64)}},
	{name: "ARG of the block", text: "ARG V=3.18\nARG IMAGE=alpine:${V}\nFROM ${IMAGE}\n", build: spec.Build{Args: map[string]string{"V": "3.20"}},
		bases: []Base{one("docker.io/library/alpine:3.20", 3, useFrom, amd64)}},
	{name: "ARG with a shell default", text: "FROM alpine:${V:-edge}\n",
		bases: []Base{one("docker.io/library/alpine:edge", 1, useFrom, amd64)}},
	{name: "a base for each architecture", text: "FROM example.com/base-$TARGETARCH$TARGETVARIANT\nRUN a\n", platforms: []string{amd64, arm64, armV7},
		bases: []Base{one("example.com/base-amd64:latest", 1, useFrom, amd64), one("example.com/base-arm64:latest", 1, useFrom, arm64), one("example.com/base-armv7:latest", 1, useFrom, armV7)},
		runs:  []Run{{2, "0", "RUN a", []string{armV7, arm64}}}},
	{name: "cross compiler", text: "FROM --platform=$BUILDPLATFORM golang:1 AS build\nRUN go build\nFROM debian:12\nRUN apt-get update\nCOPY --from=build /a /a\n", platforms: []string{amd64, arm64},
		bases: []Base{one("docker.io/library/golang:1", 1, useFrom, amd64), one("docker.io/library/debian:12", 3, useFrom, amd64, arm64)},
		runs:  []Run{{4, "1", "RUN apt-get update", []string{arm64}}}},
	{name: "a platform that is written out", text: "FROM --platform=linux/arm64 debian:12\nRUN a\n",
		bases: []Base{one("docker.io/library/debian:12", 1, useFrom, arm64)}, runs: []Run{{2, "0", "RUN a", []string{arm64}}}},
	{name: "stages that nothing reaches", text: "FROM a AS one\nRUN x\nFROM b AS two\nRUN y\nFROM c\nCOPY --from=two / /\n", platforms: []string{arm64},
		bases: []Base{one("docker.io/library/b:latest", 3, useFrom, arm64), one("docker.io/library/c:latest", 5, useFrom, arm64)},
		runs:  []Run{{4, "two", "RUN y", []string{arm64}}}},
	{name: "target", text: "FROM a AS one\nFROM b AS two\nFROM c\n", build: spec.Build{Target: "Two"},
		bases: []Base{one("docker.io/library/b:latest", 2, useFrom, amd64)}},
	{name: "stage by number", text: "FROM a\nFROM b\nFROM scratch\nCOPY --from=1 / /\n",
		bases: []Base{one("docker.io/library/b:latest", 2, useFrom, amd64)}},
	{name: "mounts", text: "FROM a AS tools\nFROM b AS unused\nFROM c\nRUN --mount=type=bind,from=tools,target=/t --mount=from=example.com/d:1,target=/d \\\n  --mount=type=cache,target=/c true\n",
		bases: []Base{one("docker.io/library/a:latest", 1, useFrom, amd64), one("docker.io/library/c:latest", 3, useFrom, amd64), one("example.com/d:1", 4, useMount, amd64)}},
	{name: "one image used twice is named once", text: "FROM a AS x\nFROM --platform=linux/arm64 a\nCOPY --from=x / /\n",
		bases: []Base{one("docker.io/library/a:latest", 1, useFrom, amd64, arm64)}},
	{name: "syntax", text: "# syntax=docker/dockerfile:1.7\nFROM scratch\n", platforms: []string{arm64},
		bases: []Base{one("docker.io/docker/dockerfile:1.7", 1, useSyntax, amd64)}},
	{name: "syntax of the block", text: "# syntax=docker/dockerfile:1.7\nFROM scratch\n", build: spec.Build{Args: map[string]string{"BUILDKIT_SYNTAX": "docker/dockerfile:1.8"}},
		bases: []Base{one("docker.io/docker/dockerfile:1.8", 0, useArg, amd64)}},
	{name: "another language", text: "# syntax=example.com/buildpacks\nthis is no Dockerfile\n",
		bases: []Base{one("example.com/buildpacks:latest", 1, useSyntax, amd64)}},
	{name: "escape and heredoc", text: "# escape=`\nFROM a `\n  AS x\nRUN <<EOF\nFROM nowhere\nEOF\nCOPY <<A <<B /\nCOPY --from=none\nA\nB\n",
		bases: []Base{one("docker.io/library/a:latest", 2, useFrom, amd64)}},
	{name: "ONBUILD of a stage", text: "FROM a AS base\nONBUILD COPY --from=example.com/b /x /x\nONBUILD RUN x\nFROM base\n", platforms: []string{arm64},
		bases: []Base{one("docker.io/library/a:latest", 1, useFrom, arm64), one("example.com/b:latest", 4, useCopy, arm64)},
		runs:  []Run{{4, "1", "RUN x", []string{arm64}}}},
	{name: "a name that is almost a stage's", text: "FROM a AS build\nFROM scratch\nCOPY --from=biuld / /\n",
		bases: []Base{{Ref: "docker.io/library/biuld:latest", Platforms: []string{amd64}, Line: 3, Use: useCopy, Near: "build"}}},
	{name: "named context in place of an image", text: "FROM alpine AS x\nFROM example.com/b:1\nCOPY --from=x / /\n", build: spec.Build{Contexts: map[string]spec.BuildContext{
		"alpine": {Image: spec.Addr{Kind: spec.KindImage, Name: "base"}}, "example.com/b:1": {Ref: "example.com/c:2"}, "other": {Ref: "example.com/never:1"}}},
		bases: []Base{{Context: "alpine", Platforms: []string{amd64}, Line: 1, Use: useFrom}, one("example.com/c:2", 2, useFrom, amd64)}},
	{name: "named context in place of a stage", text: "FROM a AS tools\nRUN x\nFROM scratch\nCOPY --from=tools / /\n", platforms: []string{arm64},
		build: spec.Build{Contexts: map[string]spec.BuildContext{"tools": {Ref: "example.com/tools:1"}}},
		bases: []Base{one("example.com/tools:1", 1, useFrom, arm64)}},
}

// Only what the target reaches counts: its stages' bases, for the platforms that they are of, and the RUNs that are foreign.
func TestStages(t *testing.T) {
	for _, tt := range stagesCases {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.build
			b.Inline = tt.text
			r, err := Read(t.Context(), &b, Options{Host: amd64, Platforms: tt.platforms})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.bases, r.Bases); diff != "" {
				t.Error("bases (-want +got):", diff)
			}
			if diff := cmp.Diff(tt.runs, r.Runs); diff != "" {
				t.Error("runs (-want +got):", diff)
			}
		})
	}
}

// An argument counts if the Dockerfile uses it, or BuildKit does.
func TestArgs(t *testing.T) {
	const text = "ARG GLOBAL=1\nFROM scratch AS unused\nARG ELSEWHERE\nFROM scratch\nARG HERE=2 TWO\nARG https_proxy\n"
	set := map[string]string{}
	for _, name := range []string{"GLOBAL", "ELSEWHERE", "HERE", "TWO", "here", "UNKNOWN", "http_proxy", "https_proxy", "SOURCE_DATE_EPOCH", "BUILDKIT_INLINE_CACHE", "TARGETARCH"} {
		set[name] = "v"
	}
	r, err := Read(t.Context(), &spec.Build{Inline: text, Args: set}, Options{Host: amd64})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"BUILDKIT_INLINE_CACHE", "GLOBAL", "HERE", "SOURCE_DATE_EPOCH", "TARGETARCH", "TWO", "https_proxy"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(byName(r.Inputs, planner.InputArg)))); diff != "" {
		t.Error("args (-want +got):", diff)
	}
}

// doubled are 40 instructions of which each sets a variable to the one before twice.
func doubled(instruction string) string {
	var b strings.Builder
	for i := 1; i <= 40; i++ {
		fmt.Fprintf(&b, "%s A%d=${A%d}${A%d}\n", instruction, i, i-1, i-1)
	}
	return b.String()
}

// What is wrong is said with the line that it is in, and what to do.
func TestBadDockerfiles(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		build      spec.Build
		want       string
	}{
		{name: "unknown instruction", text: "FROM a\n\nRUNN apt-get update\n",
			want: "inline Dockerfile:3: unknown instruction: RUNN (did you mean RUN?)\n  3 | RUNN apt-get update"},
		{name: "bad flag", text: "FROM a\nCOPY --form=x / /\n", want: "inline Dockerfile:2: unknown flag: --form (did you mean from?)\n  2 | COPY --form=x / /"},
		{name: "too few words", text: "FROM a\nCOPY x\n", want: "inline Dockerfile:2: COPY requires at least two arguments, but only one was provided"},
		{name: "unterminated heredoc", text: "FROM a\nRUN <<EOF\nx\n", want: "inline Dockerfile:2: unterminated heredoc"},
		{name: "no FROM", text: "# nothing\nARG A\n", want: "inline Dockerfile: there is no FROM in it"},
		{name: "RUN before FROM", text: "RUN x\n", want: "inline Dockerfile:1: no build stage in current context\n  1 | RUN x"},
		{name: "empty", text: " \n", want: "inline Dockerfile: it is empty. It must have a FROM"},
		{name: "unknown target", text: "FROM a AS prod\nFROM b AS test\n", build: spec.Build{Target: "prd"}, want: `inline Dockerfile: target "prd": there is no such stage. Did you mean "prod"?`},
		{name: "unknown target, none near", text: "FROM a AS prod\nFROM b AS test\n", build: spec.Build{Target: "something"}, want: `target "something": there is no such stage. There is prod, test.`},
		{name: "target without names", text: "FROM a\n", build: spec.Build{Target: "x"}, want: `None of its stages has a name: write FROM … AS x.`},
		{name: "number out of range", text: "FROM a\nCOPY --from=3 / /\n", want: "inline Dockerfile:2: COPY --from=3: there is no such stage: they count from 0 to 0\n  2 | COPY --from=3 / /"},
		{name: "a stage below", text: "FROM a AS one\nCOPY --from=two / /\nFROM b AS two\n", build: spec.Build{Target: "one"},
			want: "inline Dockerfile:2: COPY --from=two: stage two begins at line 3: a stage can be taken from only by those below it"},
		{name: "itself", text: "FROM a AS one\nCOPY --from=one / /\n", want: "COPY --from=one: stage one begins at line 1"},
		{name: "no name in an ARG", text: "ARG BASE\nFROM $BASE\n", want: "inline Dockerfile:2: FROM $BASE: the name is empty: give the ARG a default, or set it in args\n  2 | FROM $BASE"},
		{name: "no platform in an ARG", text: "FROM --platform=$P a\n", want: "inline Dockerfile:1: --platform=$P: it is empty"},
		{name: "bad platform", text: "FROM --platform=linux/amd46 a\n", want: `Did you mean "amd64"?`},
		{name: "bad name", text: "FROM Alpine\n", want: "inline Dockerfile:1: FROM Alpine: it is no stage above, and no reference of an image."},
		{name: "variable in --from", text: "FROM a\nARG X=b\nCOPY --from=$X / /\n", want: "inline Dockerfile:3: COPY --from=$X: no variable is expanded here"},
		{name: "bad syntax line", text: "# syntax=UPPER\nFROM a\n", want: "inline Dockerfile:1: # syntax UPPER: it is no reference of an image"},
		{name: "doubled ARGs", text: "ARG A0=xxxxxxxx\n" + doubled("ARG") + "FROM a\n", want: "ARG A17: what its variables stand for is over the limit"},
		{name: "doubled ENVs", text: "FROM a\nENV A0=xxxxxxxx\n" + doubled("ENV") + "COPY x /$A40\n", want: "inline Dockerfile:19: what its variables stand for is over the limit"},
		{name: "one ENV doubled", text: "FROM a\nENV A=xxxxxxxx\n" + strings.Repeat("ENV A=$A$A\n", 40), want: "inline Dockerfile:19: what its variables stand for is over the limit"},
		{name: "substituted ENV", text: "FROM a\nENV A=" + strings.Repeat("x", 60_000) + "\nENV B=${A//x/$A}\n", want: "inline Dockerfile:3: what its variables stand for is over the limit"},
		{name: "many instructions", text: "FROM a\n" + strings.Repeat("ENV A=1\n", 20_000), want: "it has 20001 instructions, and 10000 are the limit"},
		{name: "bad ONBUILD", text: "FROM a AS b\nONBUILD COPY x\nFROM b\n", want: "inline Dockerfile:2: ONBUILD COPY x: COPY requires at least two arguments"},
		{name: "no UTF-8 in RUN", text: "FROM a\n# caf\xe9\nRUN true \\\n  caf\xe9\n", want: "inline Dockerfile:3: RUN: it must be valid UTF-8"},
		{name: "no UTF-8 in ENV", text: "FROM a\nENV A=caf\xe9\n", want: "inline Dockerfile:2: ENV: it must be valid UTF-8"},
		{name: "no UTF-8 in a script", text: "FROM a\nRUN <<EOF\ncaf\xe9\nEOF\n", want: "inline Dockerfile:2: RUN: it must be valid UTF-8"},
		{name: "no UTF-8 in ONBUILD", text: "FROM a AS b\nONBUILD RUN caf\xe9\nFROM b\n", want: "ONBUILD: it must be valid UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.build
			b.Inline = tt.text
			_, err := Read(t.Context(), &b, Options{Host: amd64})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// The Dockerfile is found as BuildKit finds it.
func TestDockerfileIsFound(t *testing.T) {
	const text = "FROM scratch\n"
	dir := t.TempDir()
	write(t, dir, "lower/dockerfile", text)
	write(t, dir, "usual/Dockerfile", text)
	write(t, dir, "usual/other/prod.Dockerfile", text)
	for _, tt := range []struct {
		build spec.Build
		want  string
	}{
		{spec.Build{Context: dir + "/usual"}, dir + "/usual/Dockerfile"},
		{spec.Build{Context: dir + "/lower"}, dir + "/lower/dockerfile"},
		{spec.Build{Context: dir + "/usual", Dockerfile: "other/prod.Dockerfile"}, dir + "/usual/other/prod.Dockerfile"},
		{spec.Build{Context: dir + "/lower", Dockerfile: dir + "/usual/Dockerfile"}, dir + "/usual/Dockerfile"},
		{spec.Build{Context: dir + "/usual", Inline: text}, "inline Dockerfile"},
		{spec.Build{Inline: text}, "inline Dockerfile"},
	} {
		r, err := Read(t.Context(), &tt.build, Options{Host: amd64})
		if err != nil {
			t.Fatal(err)
		}
		if got := byName(r.Inputs, planner.InputDockerfile)["Dockerfile"]; r.Dockerfile != tt.want || got != digestOf([]byte(text)) {
			t.Errorf("found %s, %s; want %s", r.Dockerfile, got, tt.want)
		}
	}
}

func TestMissingPlaces(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "app/Dockerfile.prod", "FROM scratch\n")
	write(t, dir, "app/main.go", "")
	write(t, dir, "misspelt/Dockerflie", "FROM scratch\n")
	write(t, dir, "none/a", "")
	write(t, dir, "bad/Dockerfile", "FROM scratch\n")
	write(t, dir, "latin/.dockerignore", "# caf\xe9\ncaf\xe9\n")
	write(t, dir, "latin/Dockerfile", "FROM a AS none\nRUN caf\xe9\nFROM a\n# caf\xe9\nCOPY <<EOF /x\ncaf\xe9\nEOF\nCOPY f /\n")
	write(t, dir, "bad/.dockerignore", "ok\n[\n")
	must(t, os.MkdirAll(filepath.Join(dir, "directory/Dockerfile"), 0o755))
	inline := func(contexts map[string]spec.BuildContext) spec.Build {
		return spec.Build{Inline: "FROM x\n", Contexts: contexts}
	}
	for _, tt := range []struct {
		build spec.Build
		want  string
	}{
		{spec.Build{Context: dir + "/app"}, dir + "/app/Dockerfile: there is no such Dockerfile. There is Dockerfile.prod: set dockerfile."},
		{spec.Build{Context: dir + "/misspelt"}, dir + `/misspelt/Dockerfile: there is no such Dockerfile. Did you mean "Dockerflie"?`},
		{spec.Build{Context: dir + "/none"}, dir + "/none/Dockerfile: there is no such Dockerfile. Write one there, or set dockerfile or inline."},
		{spec.Build{Context: dir + "/directory"}, dir + "/directory/Dockerfile: it is no file"},
		{spec.Build{Context: dir + "/ap"}, "context " + dir + `/ap: there is no such directory. Did you mean "app"?`},
		{spec.Build{Context: dir + "/latin"}, "context " + dir + "/latin/.dockerignore: its patterns must be valid UTF-8"},
		{spec.Build{Context: dir + "/bad"}, "context " + dir + "/bad/.dockerignore: a pattern in it cannot be read: syntax error in pattern"},
		{spec.Build{Context: "relative/x"}, "context relative/x: it is neither a path nor a URL that BuildKit fetches"},
		{spec.Build{}, "dockerfile Dockerfile: there is no context to find it in. Set context, or inline"},
		{inline(map[string]spec.BuildContext{"x": {Dir: dir + "/nowhere"}}), `contexts["x"] directory ` + dir + "/nowhere: there is no such directory."},
		{inline(map[string]spec.BuildContext{"x": {Layout: dir + "/none:1"}}), `contexts["x"] oci layout ` + dir + "/none: there is no index.json in it"},
		{spec.Build{Inline: "FROM scratch\n", Secrets: []spec.BuildSecret{{ID: "npm", File: dir + "/npmrc"}}}, `secret "npm": ` + dir + "/npmrc: there is no such file"},
		{spec.Build{Inline: "FROM scratch\n", Secrets: []spec.BuildSecret{{ID: "npm", Env: "NPM"}}}, `secret "npm": the environment has no NPM`},
	} {
		_, err := Read(t.Context(), &tt.build, Options{Host: amd64, Env: func(string) (string, bool) { return "", false }})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
}

// A tar file is one input, and its Dockerfile is read.
func TestTarContext(t *testing.T) {
	var plain, packed bytes.Buffer
	w := tar.NewWriter(&plain)
	for name, text := range map[string]string{"./app/Dockerfile": "FROM a\n", "./x": "x"} {
		must(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}))
		_, err := w.Write([]byte(text))
		must(t, err)
	}
	must(t, w.Close())
	z := gzip.NewWriter(&packed)
	_, err := z.Write(plain.Bytes())
	must(t, err)
	must(t, z.Close())
	for name, content := range map[string][]byte{"plain": plain.Bytes(), "gzip": packed.Bytes()} {
		t.Run(name, func(t *testing.T) {
			at := filepath.Join(t.TempDir(), "context.tar")
			must(t, os.WriteFile(at, content, 0o644))
			r, err := Read(t.Context(), &spec.Build{Context: at, Dockerfile: "app/Dockerfile"}, Options{Host: amd64})
			if err != nil {
				t.Fatal(err)
			}
			if got := byName(r.Inputs, planner.InputContext)[mainContext]; got != digestOf(content) {
				t.Errorf("context is %s; want %s", got, digestOf(content))
			}
			if len(r.Bases) != 1 || r.Bases[0].Ref != "docker.io/library/a:latest" || r.Dockerfile != at+":app/Dockerfile" {
				t.Errorf("bases %v of %s", r.Bases, r.Dockerfile)
			}
			_, err = Read(t.Context(), &spec.Build{Context: at}, Options{Host: amd64})
			if want := at + ": there is no Dockerfile in it. Set dockerfile or inline"; err == nil || err.Error() != want {
				t.Errorf("got %v; want %s", err, want)
			}
		})
	}
}

// A Dockerfile in a tar file may be a link to another file in it, and the later of two entries of a name counts, as when it is unpacked.
func TestLinkedDockerfileInATar(t *testing.T) {
	file := func(name, text string) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeReg, Linkname: text}
	}
	link := func(name, to string) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to}
	}
	for name, tt := range map[string]struct {
		entries []tar.Header
		want    string // the base, or words of the error
	}{
		"a link":                {[]tar.Header{link("./Dockerfile", "d/real"), file("./d/real", "FROM a")}, "docker.io/library/a:latest"},
		"a link of a link":      {[]tar.Header{file("real", "FROM a"), link("d/x", "../real"), link("Dockerfile", "/d/x")}, "docker.io/library/a:latest"},
		"a link out":            {[]tar.Header{file("real", "FROM a"), link("Dockerfile", "../../real")}, "docker.io/library/a:latest"},
		"a hard link":           {[]tar.Header{file("d/real", "FROM a"), {Name: "Dockerfile", Typeflag: tar.TypeLink, Linkname: "./d/real"}}, "docker.io/library/a:latest"},
		"the lower case name":   {[]tar.Header{link("dockerfile", "real"), file("real", "FROM a")}, "docker.io/library/a:latest"},
		"both names":            {[]tar.Header{file("Dockerfile", "FROM a"), file("dockerfile", "FROM b")}, "docker.io/library/a:latest"},
		"twice":                 {[]tar.Header{file("Dockerfile", "FROM b"), file("Dockerfile", "FROM a")}, "docker.io/library/a:latest"},
		"a file, then a link":   {[]tar.Header{file("Dockerfile", "FROM b"), file("real", "FROM a"), link("Dockerfile", "real")}, "docker.io/library/a:latest"},
		"a link to nothing":     {[]tar.Header{link("Dockerfile", "nowhere")}, ":Dockerfile: it is a symbolic link to nowhere, where nothing is"},
		"a link to itself":      {[]tar.Header{link("Dockerfile", "x"), link("x", "Dockerfile")}, "Dockerfile in it is a link that leads to itself"},
		"a link to a directory": {[]tar.Header{link("Dockerfile", "d"), {Name: "d/", Typeflag: tar.TypeDir}}, "it is a symbolic link to d, where nothing is"},
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range tt.entries {
			text := ""
			if h.Typeflag == tar.TypeReg {
				text, h.Linkname = h.Linkname+"\n", ""
			}
			h.Mode, h.Size = 0o644, int64(len(text))
			must(t, w.WriteHeader(&h))
			_, err := w.Write([]byte(text))
			must(t, err)
		}
		must(t, w.Close())
		at := filepath.Join(t.TempDir(), "context.tar")
		must(t, os.WriteFile(at, b.Bytes(), 0o644))
		r, err := Read(t.Context(), &spec.Build{Context: at}, Options{Host: amd64})
		if err == nil && (len(r.Bases) != 1 || r.Bases[0].Ref != tt.want) || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %s", name, err, tt.want)
		}
	}
}

// No Dockerfile is so bad that it ends fairlead.
func FuzzDockerfile(f *testing.F) {
	for _, text := range []string{
		"FROM a AS b\nONBUILD RUN x\nFROM b\nCOPY --from=0 / /\n", "# syntax=a\n", "# escape=`\nFROM a`\n", "ARG A=${B:-$C}\nFROM $A\n",
		"FROM --platform=$TARGETPLATFORM a\nRUN --mount=from=b,type=cache x\n", "FROM a\nRUN <<E\nE\nCOPY <<E /\nE\nADD http://x /\nHEALTHCHECK NONE\n",
	} {
		f.Add(text, "b")
	}
	f.Fuzz(func(t *testing.T, text, target string) {
		b := &spec.Build{Inline: text, Target: target, Args: map[string]string{"A": text}, Contexts: map[string]spec.BuildContext{"b": {Ref: "example.com/b:1"}}}
		if r, err := Read(t.Context(), b, Options{Host: amd64, Platforms: []string{amd64, arm64}}); err == nil && !slices.IsSortedFunc(r.Bases, func(a, b Base) int { return a.Line - b.Line }) {
			t.Error("bases are not in the order of the Dockerfile")
		}
	})
}
