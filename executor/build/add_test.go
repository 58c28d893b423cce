package build

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// fixedCommit is a commit that no repository of the tests has.
var fixedCommit = strings.Repeat("c", 40)

// What ADD takes from servers is found as BuildKit finds it, with the variables that the stage sees; what the Dockerfile itself fixes isn't.
func TestAdds(t *testing.T) {
	file := func(url string, line int) Source { return Source{URL: url, Line: line} }
	git := func(url string, line int) Source { return Source{URL: url, Line: line, Git: true} }
	for _, tt := range []struct {
		name string
		text string
		args map[string]string
		base Config // of every image
		want []Source
	}{
		{name: "a file", text: "FROM scratch\nADD https://example.com/a /\n", want: []Source{file("https://example.com/a", 2)}},
		{name: "several, in JSON, each once", text: "FROM scratch\nADD [\"http://example.com/a\", \"b\", \"http://example.com/c\", \"/\"]\nADD http://example.com/a /\n",
			want: []Source{file("http://example.com/a", 2), file("http://example.com/c", 2)}},
		{name: "with a checksum", text: "FROM scratch\nARG SUM=sha256:1\nADD --checksum=$SUM https://example.com/a /\nADD --checksum=" + fixedCommit + " https://example.com/r.git /\n"},
		{name: "repositories", text: "FROM scratch\nADD https://example.com/r.git#main:sub /\nADD --keep-git-dir=true git@example.com:r.git /\nADD ssh://git@example.com/r /\nADD https://example.com/r.git?branch=dev&subdir=x /\n",
			want: []Source{git("https://example.com/r.git#main:sub", 2), git("git@example.com:r.git", 3), git("ssh://git@example.com/r", 4), git("https://example.com/r.git?branch=dev&subdir=x", 5)}},
		{name: "a commit", text: "FROM scratch\nADD https://example.com/r.git#" + fixedCommit + " /\nADD https://example.com/r.git?ref=v1&checksum=" + fixedCommit + " /\n"},
		{name: "paths", text: "FROM scratch\nADD a github.com/x/y ./http:/ /\nADD <<https://example.com/a /\nhttps://example.com/b\nhttps://example.com/a\n"},
		{name: "only what is reached", text: "FROM scratch AS never\nADD https://example.com/a /\nFROM scratch\n"},
		{name: "ARG of the block", text: "ARG V=1\nFROM scratch\nARG V\nADD https://example.com/$V /\n", args: map[string]string{"V": "2"}, want: []Source{file("https://example.com/2", 4)}},
		{name: "ARG above all", text: "ARG V=1\nFROM scratch\nARG V\nADD https://example.com/$V /\n", want: []Source{file("https://example.com/1", 4)}},
		{name: "ARG that isn't taken in", text: "ARG V=1\nFROM scratch\nADD https://example.com/x$V /\n", want: []Source{file("https://example.com/x", 3)}},
		{name: "the later of ARG and ENV", text: "FROM scratch\nENV V=1\nARG V=2\nARG W=3\nENV W=4 X=$W\nADD https://example.com/$V$W$X /\n", want: []Source{file("https://example.com/243", 6)}},
		{name: "automatic ARGs", text: "FROM scratch\nARG TARGETARCH\nADD https://example.com/$TARGETARCH /\n", want: []Source{file("https://example.com/amd64", 3)}},
		{name: "of the stage below", text: "FROM scratch AS a\nARG V=1\nENV W=2\nFROM a\nADD https://example.com/$V$W /\n", want: []Source{file("https://example.com/12", 5)}},
		{name: "environment of the image", text: "FROM a\nADD https://example.com/$V /\n", base: Config{Env: []string{"V=9"}, EnvKnown: true}, want: []Source{file("https://example.com/9", 2)}},
		{name: "environment that nobody knows", text: "FROM a\nENV W=$V\nADD https://example.com/$W https://example.com/b /\n", want: []Source{file("https://example.com/b", 3)}},
		{name: "ONBUILD of the image", text: "FROM a\nARG V=1\n", base: Config{OnBuild: []string{"ARG V=2", "ADD https://example.com/$V /"}}, want: []Source{file("https://example.com/2", 1)}},
		{name: "ONBUILD of a stage", text: "FROM scratch AS a\nONBUILD ADD https://example.com/a /\nFROM a AS b\nFROM b\n", want: []Source{file("https://example.com/a", 3)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			o := Options{Host: amd64, BaseConfig: func(_ Base, env bool) (Config, error) {
				c := tt.base
				if asked++; !env {
					c.Env, c.EnvKnown = nil, false
				}
				return c, nil
			}}
			r, err := Read(t.Context(), &spec.Build{Inline: tt.text, Args: tt.args}, o)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, r.Sources); diff != "" {
				t.Error("-want +got:", diff)
			}
			if asked > 2 {
				t.Errorf("an image was asked for %d times", asked)
			}
		})
	}
}

// What the instructions of an image's ONBUILD use is used: arguments, contexts, images, stages.
func TestOnBuildOfImages(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "assets/a.txt", "a")
	image := spec.Addr{Kind: spec.KindImage, Name: "base"}
	configs := map[string]Config{
		"docker.io/library/parent:1": {OnBuild: []string{"ARG VERSION", "COPY --from=assets a.txt /", "COPY --from=example.com/tool:1 /t /t", "RUN --mount=from=tools x"}},
		"docker.io/library/plain:1":  {OnBuild: []string{}},
		"docker.io/library/later:1":  {Opaque: true},
		"block":                      {OnBuild: []string{"ARG OTHER"}},
	}
	lookup := func(b Base, _ bool) (Config, error) {
		if b.Context != "" {
			return configs["block"], nil
		}
		return configs[b.Ref], nil
	}
	for _, tt := range []struct {
		name, text       string
		args, contexts   []string // that count
		bases            []string
		opaque, noLookup bool
	}{
		{name: "all kinds", text: "FROM plain:1 AS tools\nFROM parent:1\n", args: []string{"VERSION"}, contexts: []string{"assets"},
			bases: []string{"docker.io/library/plain:1", "docker.io/library/parent:1", "example.com/tool:1"}},
		{name: "the base of a base alone", text: "FROM parent:1 AS mid\nFROM mid\n", args: []string{"VERSION"}, contexts: []string{"assets"},
			bases: []string{"docker.io/library/parent:1", "example.com/tool:1", "docker.io/library/tools:latest"}},
		{name: "not where it is copied from", text: "FROM plain:1\nCOPY --from=parent:1 /a /a\n", bases: []string{"docker.io/library/plain:1", "docker.io/library/parent:1"}},
		{name: "an image block", text: "FROM block\n", args: []string{"OTHER"}},
		{name: "an image block in the place of a stage", text: "FROM parent:1 AS block\nRUN x\nFROM block\n", args: []string{"OTHER"}},
		{name: "one that isn't built yet", text: "FROM later:1\n", args: []string{"OTHER", "UNUSED", "VERSION"}, contexts: []string{"assets", "more"},
			bases: []string{"docker.io/library/later:1"}, opaque: true},
		{name: "nobody knows", text: "FROM parent:1\n", bases: []string{"docker.io/library/parent:1"}, noLookup: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := &spec.Build{Inline: tt.text, Args: map[string]string{"VERSION": "1", "OTHER": "2", "UNUSED": "3"},
				Contexts: map[string]spec.BuildContext{"assets": {Dir: dir + "/assets"}, "more": {Dir: dir + "/assets"}, "block": {Image: image}}}
			o := Options{Host: amd64, BaseConfig: lookup}
			if tt.noLookup {
				o.BaseConfig = nil
			}
			r, err := Read(t.Context(), b, o)
			if err != nil {
				t.Fatal(err)
			}
			var args, contexts, bases []string
			for _, i := range r.Inputs {
				switch name, _, _ := strings.Cut(i.Name, ":"); i.Kind {
				case planner.InputArg:
					args = append(args, i.Name)
				case planner.InputFile:
					contexts = append(contexts, name)
				}
			}
			for _, b := range r.Bases {
				if b.Ref != "" {
					bases = append(bases, b.Ref)
				}
			}
			slices.Sort(bases)
			slices.Sort(tt.bases)
			if diff := cmp.Diff([][]string{tt.args, tt.contexts, tt.bases}, [][]string{args, contexts, bases}); diff != "" {
				t.Error("args, contexts, bases (-want +got):", diff)
			}
			if r.Opaque != tt.opaque {
				t.Error("opaque:", r.Opaque)
			}
		})
	}
}

// What a build will hand on is known from its Dockerfile alone.
func TestResult(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Config
	}{
		{"of the last stage", "FROM scratch AS a\nONBUILD RUN never\nENV A=1\nFROM a\nONBUILD ARG V\nONBUILD COPY . /\nENV B=$A\nARG C=1\n",
			Config{OnBuild: []string{"ARG V", "COPY . /"}, Env: []string{"A=1", "B=1"}, EnvKnown: true}},
		{"none", "FROM scratch\n", Config{OnBuild: []string{}, EnvKnown: true}},
		{"of another image", "FROM a\nENV B=$A\n", Config{OnBuild: []string{}, Env: []string{"A=9", "B=9"}, EnvKnown: true}},
		{"another language", "# syntax=example.com/x\nwhat\n", Config{Opaque: true}},
	} {
		lookup := func(Base, bool) (Config, error) {
			return Config{OnBuild: []string{"RUN x"}, Env: []string{"A=9"}, EnvKnown: true}, nil
		}
		got, err := Result(&spec.Build{Inline: tt.text}, Options{Host: amd64, BaseConfig: lookup}, true)
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got): %s", tt.name, err, diff)
		}
	}
}

// A file is pinned by what its server gives, whatever the server says of it; a repository by the commit.
func TestPin(t *testing.T) {
	root := t.TempDir()
	git := func(args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", root + "/r.git", "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	must(t, os.Mkdir(root+"/r.git", 0o755))
	git("init", "-q", "-b", "main")
	git("commit", "-q", "--allow-empty", "-m", "1")
	git("tag", "-a", "same", "-m", "1")
	first := git("rev-parse", "HEAD")
	git("commit", "-q", "--allow-empty", "-m", "2")
	git("branch", "same")
	git("branch", "x/main")
	git("update-server-info")
	content := "one"
	mux := http.NewServeMux()
	mux.Handle("/r.git/", http.StripPrefix("/r.git/", http.FileServer(http.Dir(root+"/r.git/.git"))))
	mux.HandleFunc("/f", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"never changes"`)
		_, _ = w.Write([]byte(content))
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte(content))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	at := strings.Replace(server.URL, "://", "://me:hidden@", 1)
	for _, tt := range []struct {
		url, want string
	}{
		{"/f", digestOf([]byte("one"))},
		{"/r.git", git("rev-parse", "HEAD")}, {"/r.git#main", git("rev-parse", "main")}, {"/r.git#same:sub", git("rev-parse", "main")}, {"/r.git#refs/tags/same", first},
		{"/none", "/none: the server answers 404 Not Found"}, {"/cut", "/cut: it cannot be fetched: unexpected EOF"},
		{"/r.git#none", "/r.git#none: there is no branch or tag none"}, {"/none.git", "/none.git: it cannot be reached"},
	} {
		s, _ := sourceOf(at+tt.url, "", 1)
		pin, err := s.Pin(t.Context())
		switch got := pin.Digest + pin.Commit; {
		case err != nil && (!strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hidden")), err == nil && got != tt.want:
			t.Errorf("%s: got %s, %v; want %s", tt.url, got, err, tt.want)
		}
	}
	content = "two"
	s, _ := sourceOf(at+"/f", "", 1)
	if pin, err := s.Pin(t.Context()); err != nil || pin.Digest != digestOf([]byte("two")) {
		t.Error("new content isn't seen:", pin, err)
	}
}
