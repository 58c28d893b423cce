package spec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
)

// Evaluating again reads nothing of the host: it sees what the files held when they were loaded, wherever an expression comes to read one.
func TestReevaluateReadsNothing(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.txt": "a", "late.txt": "late", "env": "FILE=was\n", "t.tpl": "${d} ${file(\"a.txt\")}", "s.fairlead.hcl": `
stack "s" {}
image "app" { pull = "example.com/app:1" }
locals {
  host = file("${image.app.digest}.txt")
  late = try("${image.app.digest}", file("late.txt"))
}
container "a" {
  image        = image.app
  network_mode = "none"
  env_file     = ["env"]
  env = {
    DIGEST   = image.app.digest
    TEXT     = file("a.txt")
    SUM      = filesha256("a.txt")
    THERE    = fileexists("a.txt")
    TEMPLATE = templatefile("t.tpl", { d = image.app.digest })
    HOME     = pathexpand("~/x")
    VAR      = env("V")
    FOR      = join(",", [for p in image.app.platforms : "${p} ${file("late.txt")}"])
    LATE     = "${local.late} ${try(tonumber(image.app.digest), file("late.txt"))}"
  }
}
container "b" {
  image        = image.app
  network_mode = "none"
  env          = { HOST = file("${image.app.digest}.txt") }
}
container "c" {
  image        = image.app
  network_mode = "none"
  env          = { HOST = try(file("${image.app.digest}.txt"), "none"), DIGEST = image.app.digest }
}
container "d" {
  image        = image.app
  network_mode = "none"
  env          = { HOST = can(local.host), DIGEST = image.app.digest }
}
output "x" { value = "${image.app.digest} ${try(tonumber(image.app.digest), file("late.txt"))}" }
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", "/was")
	cfg, diags := Load(dir, Inputs{Environ: []string{"V=v"}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	t.Setenv("HOME", "/is")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	known := map[Addr]cty.Value{{Kind: KindImage, Name: "app"}: ImageValue("example.com/app:1", "sha256:12", 7, []string{"linux/amd64"})}
	r, diags := cfg.Reevaluate(Addr{Kind: KindContainer, Name: "a"}, known, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if d := cmp.Diff(map[string]string{
		"DIGEST": "sha256:12", "TEXT": "a", "SUM": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", "THERE": "true",
		"TEMPLATE": "sha256:12 a", "HOME": "/was/x", "VAR": "v", "FOR": "linux/amd64 late", "LATE": "sha256:12 late", "FILE": "was",
	}, r.(*Container).Env); d != "" {
		t.Error(d)
	}
	outs, diags := cfg.ReevaluateOutputs(known)
	if diags.HasErrors() || outs[0].Value.AsString() != "sha256:12 late" {
		t.Error(outs[0].Value, diags)
	}
	for _, name := range []string{"b", "c", "d"} {
		_, diags = cfg.Reevaluate(Addr{Kind: KindContainer, Name: name}, known, nil)
		if !diags.HasErrors() || !strings.Contains(diags[0].Detail, "sha256:12.txt was not read with the stack's files") {
			t.Errorf("%s: a path that only the host tells: %v", name, diags)
		}
	}
}

// What is kept of the files that were read is bounded.
func TestReadsAreBounded(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("12345678"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := newReads(base{dir: dir}, limits{file: 10, files: 15})
	for range 2 {
		if _, err := r.text("a"); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.text("b"); err == nil || !strings.Contains(err.Error(), "which is the limit") {
		t.Error(err)
	}
}
