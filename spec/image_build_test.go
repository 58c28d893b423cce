package spec

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
)

// A problem of a build, an import or an emulator is underlined where it is, and nothing else with it.
func TestBuildProblemsAreUnderlinedTightly(t *testing.T) {
	const build, image, file = "image \"a\" {\n build {\n context = \".\"\n %s\n}\n}\n", "image \"a\" {\n %s\n}\n", "%s\n"
	for _, c := range []struct{ around, text, want string }{
		{build, "inline = \"x\"\n dockerfile = \"y\"", `dockerfile`},
		{build, `platforms = ["arm64", "arm46"]`, `"arm46"`},
		{build, `platforms = []`, `[]`},
		{build, `args = { A = "x", B = sensitive("y") }`, `B = sensitive("y")`},
		{build, `args = { A = "x", "B=" = "y" }`, `"B=" = "y"`},
		{build, `contexts = { a = "./x", b = "debian" }`, `b = "debian"`},
		{build, `cache_to = ["type=inline", "type=gha"]`, `"type=gha"`},
		{build, `ulimits = { core = 0, cor = 1 }`, `cor = 1`},
		{build, `extra_hosts = { a = "192.0.2.1", b = "c" }`, `b = "c"`},
		{build, `ssh = ["default", "x"]`, `"x"`},
		{build, `secret "a b" { env = "X" }`, `"a b"`},
		{build, "secret \"a\" {\n env = \"X\"\n file = \"x\"\n}", `env`},
		{build, `shm_size = "many"`, `"many"`},
		{image, "build {}", `build`},
		{image, "build {\n context = \"\"\n }", `""`},
		{image, "pull = \"x\"\n load = \"y\"", `load`},
		{image, "pull = \"x\"\n build { context = \".\" }", `build`},
		{image, "pull = \"x\"\n platform = \"arm64\"", `platform`},
		{image, "pull = \"x\"\n config {}", `config`},
		{image, "import = \"x\"\n config { expose = [\"80\", \"x\"] }", `"x"`},
		{image, `import = "ftp://x"`, `"ftp://x"`},
		{file, `emulator "arm65" {}`, `"arm65"`},
		{file, `emulator "arm64" { count = 2 }`, `count`},
	} {
		dir := t.TempDir()
		src := "stack \"s\" {}\n" + fmt.Sprintf(c.around, c.text)
		write(t, dir, src)
		_, diags := Load(dir, Inputs{})
		if len(diags) != 1 {
			t.Errorf("%s: one problem is wanted: %v", c.text, diags)
			continue
		}
		if got := string(diags[0].Subject.SliceBytes([]byte(src))); got != c.want {
			t.Errorf("%s: %q is underlined, and %q is wanted: %s", c.text, got, c.want, diags[0].Detail)
		}
	}
}

// What a build and a config take from another image is read once the host has told it; their links stay.
func TestSettleBuild(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, `stack "s" {}
image "base" { pull = "base:1" }
image "app" {
  build {
    context  = "."
    args     = { BASE = image.base.digest, KEEP = "k" }
    contexts = { base = image.base }
  }
}
image "root" {
  import = "root.tar"
  config { labels = { base = image.base.digest } }
}
image "plain" {
  build { context = "." }
}
`)
	cfg, diags := Load(dir, Inputs{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	base, app, root := Addr{Kind: KindImage, Name: "base"}, Addr{Kind: KindImage, Name: "app"}, Addr{Kind: KindImage, Name: "root"}
	if d := cmp.Diff(map[string]bool{"build": true}, cfg.Get(app).(*Image).Marks.Unknown); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]bool{"config": true}, cfg.Get(root).(*Image).Marks.Unknown); d != "" {
		t.Error(d)
	}
	known := map[Addr]cty.Value{base: ImageValue("docker.io/library/base:1", "sha256:12", 7, nil)}
	r, diags := cfg.Reevaluate(app, known, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	settled := r.(*Image)
	want := *cfg.Get(app).(*Image)
	build := *want.Build
	build.Args = map[string]string{"BASE": "sha256:12", "KEEP": "k"}
	want.Build, want.Marks = &build, Marks{}
	if d := cmp.Diff(&want, settled); d != "" {
		t.Error(d)
	}
	if settled.Build.Contexts["base"].Image != base {
		t.Error("the named context lost its image block")
	}
	r, diags = cfg.Reevaluate(root, known, nil)
	if got := r.(*Image).Rootfs.Config.Labels["base"]; diags.HasErrors() || got != "sha256:12" {
		t.Error(got, diags)
	}
	plain := Addr{Kind: KindImage, Name: "plain"}
	if r, _ := cfg.Reevaluate(plain, known, nil); r != cfg.Get(plain) {
		t.Error("a build without unknown values was read anew")
	}
}

// What is in a nested block has a place of its own, for problems that only the planner can find.
func TestAttributesOfNestedBlocksHavePlaces(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, `stack "s" {}
image "app" {
  build {
    context   = "."
    platforms = ["arm64"]
    args      = { A = "x" }
  }
}
`)
	cfg, diags := Load(dir, Inputs{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	im := Of[*Image](cfg)[0]
	for name, line := range map[string]int{"build": 3, "build.context": 4, "build.platforms": 5, `build.args["A"]`: 6, "build.target": 3, "tags": 2} {
		if got := im.AttrAt(name).Start.Line; got != line {
			t.Errorf("%s is in line %d, and %d is wanted", name, got, line)
		}
	}
}

// A ~ in the paths of a build is the home directory.
func TestBuildPathsInHome(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	dir := t.TempDir()
	write(t, dir, `stack "s" {}
image "app" {
  build {
    context    = "~/app"
    dockerfile = "~/Dockerfile"
    contexts   = { src = "~/src" }
    ssh        = ["k=~/key"]
    secret "npmrc" { file = "~/.npmrc" }
  }
}
`)
	cfg, diags := Load(dir, Inputs{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	in := func(name string) string { return filepath.Join(home, name) }
	want := &Build{Context: in("app"), Dockerfile: in("Dockerfile"), Contexts: map[string]BuildContext{"src": {Dir: in("src")}},
		SSH: []string{"k=" + in("key")}, Secrets: []BuildSecret{{ID: "npmrc", File: in(".npmrc")}}}
	if d := cmp.Diff(want, Of[*Image](cfg)[0].Build); d != "" {
		t.Error(d)
	}
}

func TestURLScheme(t *testing.T) {
	for in, want := range map[string]string{
		"https://example.com/x.tar": "https", "git://x/y": "git", "ssh://git@x/y": "ssh", "git@example.com:a/b": "git",
		"example.com/a/b.git": "git", "example.com:8080/b.git#main": "git", "localhost:3000/b.git": "git",
		".": "", "./example.com/b.git": "", "/x/y.git": "", "app": "", "app/b.git": "", "~/x.git": "", "x.git": "", "a.tar.gz": "",
	} {
		if got := urlScheme(in); got != want {
			t.Errorf("%q: %q, and %q is wanted", in, got, want)
		}
	}
}
