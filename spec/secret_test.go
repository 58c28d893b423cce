package spec

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
)

// secretText is what no diagnostic may hold, in one piece or in another form.
const secretText = "hunter2 -/!"

func holdsSecretText(s string) bool {
	s = strings.ToLower(s)
	return strings.Contains(s, "hunter") || strings.Contains(s, "2retnuh") || strings.Contains(s, "aHVudGVy")
}

// secretForms are expressions that give a sensitive value of some type, that give it as a key, or that cannot be evaluated because of one.
var secretForms = []string{
	`var.s`, `"x-${var.s}"`, `local.s`, `local.deep.a`, `upper(var.s)`, `true ? var.s : "x"`, `sensitive(file("s.txt"))`, `templatefile("t.tpl", { s = var.s })`,
	`[var.s]`, `["a", var.s]`, `toset([var.s])`, `[var.s, 1, {}]`, `[[var.s]]`,
	`{ k = var.s }`, `{ (var.s) = "x" }`, `{ (var.s) = var.s }`, `{ (var.s) = image.a.digest }`, `{ "${var.s}=" = "x" }`, `{ k = [var.s] }`, `{ (var.s) = ["x"] }`, `{ (var.s) = null }`,
	`var.m`, `merge(var.m, { a = "b" })`, `zipmap([var.s], [[]])`, `sensitive(true)`, `sensitive(3)`, `sensitive(null)`, `sensitive({ hunter = [] })`,
	`tonumber(var.s)`, `tobool(var.s)`, `parseint(var.s, 10)`, `jsondecode(var.s)`, `yamldecode("[${var.s}")`, `regex(var.s, "a")`, `regex("^x$", var.s)`,
	`tonumber(sensitive(file("s.txt")))`, `formatdate(var.s, var.s)`, `cidrhost(var.s, 1)`, `lookup({ a = 1 }, var.s)`, `var.m[var.s]`, `image.a[var.s]`, `container.w[var.s]`, `image.a[var.s].name`,
	`{ for x in concat(var.l, var.l) : x => x }`, `{ for x in [var.s, var.s] : x => x }`, `[for x in var.l : tonumber(x)]`, `[for k, v in var.m : tonumber(k)]`, `[for x in [var.s] : x + 1]`,
	`var.s + 1`, `var.s ? 1 : 2`, `-var.s`, `!var.s`, `var.s.hunter2`, `var.l[var.s]`, `var.m.gone`, `file(var.s)`, `fileexists(var.s) ? [] : tonumber(var.s)`, `env(var.s)`, `templatefile("bad.tpl", { s = var.s })`,
	`templatefile("dup.tpl", { s = [var.s, var.s] })`, `try(tonumber(var.s))`, `coalesce(null, tonumber(var.s))`, `one([var.s, var.s])`, `element(var.l, var.s)`, `base64decode(var.s)`, `timeadd(var.s, var.s)`, `index(["a"], var.s)`,
	`format("%d", var.s)`, `format(var.s, 1)`, `nonsensitive(tonumber(var.s))`, `"%{ for x in var.l }${tonumber(x)}%{ endfor }"`, `var.l[*].hunter2`, `flatten([tonumber(var.s)])`,
}

// secretPlaces are all attributes of all blocks that an expression can stand in; %s stands for the block's other lines and the attribute.
func secretPlaces() map[string]string {
	out := map[string]string{}
	add := func(text string, names []string) {
		for _, n := range names {
			out[strings.Join(strings.Fields(strings.ReplaceAll(text, "%s", n)), " ")] = strings.ReplaceAll(text, "%s", n+" = VALUE")
		}
	}
	with := func(names []string, skip ...string) (out []string) {
		for _, n := range names {
			if !slices.Contains(skip, n) {
				out = append(out, n)
			}
		}
		return append(out, "for_each", "count")
	}
	names := func(s *schema) (out []string) {
		for _, a := range s.body.Attributes {
			out = append(out, a.Name)
		}
		return out
	}
	const container = "container \"x\" {\nBASE\n"
	add("container \"x\" {\nBASE\n%s\n}", with(names(containerSchema), "for_each", "count"))
	add("image \"x\" {\npull = \"example.com/x\"\n%s\n}", with(names(imageSchema), "pull", "for_each", "count"))
	add("image \"x\" {\n%s\n}", []string{"pull", "load", "import"})
	add("image \"x\" {\nimport = \"x.tar\"\n%s\n}", []string{"platform", "name"})
	add("image \"x\" {\nbuild {\ncontext = \".\"\n%s\n}\n}", names(buildSchema))
	add("image \"x\" {\nbuild {\ncontext = \".\"\nsecret \"i\" {\n%s\n}\n}\n}", names(buildSecretSchema))
	add("image \"x\" {\nimport = \"x.tar\"\nconfig {\n%s\n}\n}", names(configSchema))
	add(container+"mount {\ntarget = \"/x\"\n%s\n}\n}", names(mountSchema))
	add(container+"mount {\ntarget = \"/x\"\ntmpfs {\n%s\n}\n}\n}", names(tmpfsSchema))
	add(container+"update {\n%s\n}\n}", names(updateSchema))
	add(container+"lifecycle {\n%s\n}\n}", names(lifecycleSchema))
	add(container+"lifecycle {\nprecondition {\ncondition = false\n%s\n}\n}\n}", []string{"error_message"})
	add(container+"lifecycle {\nprecondition {\nerror_message = \"no\"\n%s\n}\n}\n}", []string{"condition"})
	add(container+"dynamic \"mount\" {\n%s\ncontent {\ntarget = mount.value\nbind = mount.key\n}\n}\n}", []string{"for_each"})
	add(container+"dynamic \"mount\" {\nfor_each = [1]\ncontent {\ntarget = \"/x\"\n%s\n}\n}\n}", []string{"bind", "read_only", "propagation"})
	add("image \"x\" {\nbuild {\ncontext = \".\"\ndynamic \"secret\" {\nfor_each = [1]\n%s\ncontent {\nenv = \"X\"\n}\n}\n}\n}", []string{"labels"})
	add("registry \"example.com\" {\n%s\n}", names(registrySchema))
	add("output \"x\" {\n%s\n}", []string{"value"})
	add("output \"x\" {\nvalue = 1\n%s\n}", []string{"description", "sensitive"})
	add("import {\nto = container.w\n%s\n}", []string{"id"})
	add("import {\nid = \"x\"\n%s\n}", []string{"to"})
	add("emulator \"arm64\" {\n%s\n}", names(emulatorSchema))
	add("locals {\n%s\n}", []string{"x"})
	add("variable \"v\" {\ndefault = 1\nvalidation {\nerror_message = \"no\"\n%s\n}\n}", []string{"condition"})
	add("variable \"v\" {\ndefault = 1\nvalidation {\ncondition = false\n%s\n}\n}", []string{"error_message"})
	return out
}

const secretStack = `
stack "s" {}
variable "s" { sensitive = true }
variable "l" {
  type      = list(string)
  sensitive = true
}
variable "m" {
  type      = map(string)
  sensitive = true
}
locals {
  s    = var.s
  deep = { a = "${var.s}.", b = [var.s] }
}
image "a" { pull = "example.com/a:1" }
container "w" {
  for_each     = toset(["a"])
  image        = image.a
  network_mode = "none"
}
`

func TestNoDiagnosticHoldsASecret(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"s.txt": secretText, "t.tpl": "<${s}>", "bad.tpl": "${tonumber(s)}", "dup.tpl": "${jsonencode({ for x in s : x => x })}"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	in := Inputs{Vars: []string{"s=" + secretText, fmt.Sprintf("l=[%q]", secretText), fmt.Sprintf("m={%q=%q}", secretText, secretText)}}
	tried, failed := 0, 0
	for place, text := range secretPlaces() {
		for _, form := range secretForms {
			base := "image = image.a\nnetwork_mode = \"none\""
			for _, a := range []string{"image", "network_mode"} { // the attribute itself stands once
				if strings.Contains(text, "\n"+a+" = VALUE") {
					base = strings.Join(strings.Split(base, "\n")[map[string]int{"image": 1, "network_mode": 0}[a]:][:1], "\n")
				}
			}
			src := secretStack + strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(text, "VALUE", form), "BASE", base), "target = \"/x\"\ntarget =", "target =")
			if err := os.WriteFile(filepath.Join(dir, "s.fairlead.hcl"), []byte(src), 0o644); err != nil {
				t.Fatal(err)
			}
			cfg, diags := Load(dir, in)
			tried++
			var said bytes.Buffer
			// The files are left out: what they hold is the user's own text.
			if err := hcl.NewDiagnosticTextWriter(&said, nil, 0, false).WriteDiagnostics(diags); err != nil {
				t.Fatal(err)
			}
			var addrs []string
			for _, a := range cfg.Order {
				addrs = append(addrs, a.String())
			}
			if shown := strings.ReplaceAll(said.String(), "sensitive({ hunter", ""); holdsSecretText(shown) || holdsSecretText(fmt.Sprint(addrs)) {
				if failed++; failed < 40 {
					t.Errorf("%s with %s: %s %v", place, form, said.String(), addrs)
				}
			}
		}
	}
	t.Logf("%d tried, %d failed", tried, failed)
}

// What is given from outside and does not fit is not quoted either.
func TestNoDiagnosticHoldsAGivenSecret(t *testing.T) {
	const decl = "stack \"s\" {}\nvariable \"s\" {\n  type = TYPE\n  sensitive = true\nRULE\n}\n"
	dir := t.TempDir()
	file := filepath.Join(dir, "x.vars.hcl")
	for _, c := range []struct{ ty, rule, given string }{
		{"number", "", "hunter2"},
		{"bool", "", "hunter2"},
		{"list(string)", "", "hunter2"},
		{"list(string)", "", "[hunter2]"},
		{"list(string)", "", `["hunter2`},
		{"map(number)", "", `{ hunter2 = "x" }`},
		{"map(number)", "", `{ hunter2 = "hunter2" }`},
		{"object({ a = number })", "", `{ hunter2 = 1 }`},
		{"map(object({ a = number }))", "", `{ hunter2 = { a = "hunter2" } }`},
		{"set(number)", "", `["hunter2"]`},
		{"tuple([number])", "", `["hunter2"]`},
		{"string", "validation {\ncondition = tonumber(var.s) > 1\nerror_message = \"no\"\n}", "hunter2"},
		{"string", "validation {\ncondition = length(var.s) > 100\nerror_message = \"got ${var.s}\"\n}", "hunter2"},
		{"string", "validation {\ncondition = false\nerror_message = tonumber(var.s)\n}", "hunter2"},
		{"list(string)", "validation {\ncondition = alltrue([for x in var.s : tonumber(x) > 1])\nerror_message = \"no\"\n}", `["hunter2"]`},
	} {
		text := strings.NewReplacer("TYPE", c.ty, "RULE", c.rule).Replace(decl)
		quoted := c.given
		if !strings.ContainsAny(c.given, "[{") {
			quoted = fmt.Sprintf("%q", c.given)
		}
		if err := os.WriteFile(file, []byte("s = "+quoted+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		for how, in := range map[string]Inputs{
			"--var": {Vars: []string{"s=" + c.given}}, "environment": {Environ: []string{VarPrefix + "s=" + c.given}}, "--var-file": {VarFiles: []string{file}},
		} {
			cfg, said := loadText(t, text, in)
			if said == "" || strings.Contains(said, "hunter2") {
				t.Errorf("%s, %s %s, %s: %s", how, c.ty, c.given, c.rule, said)
			}
			for name, f := range cfg.Files {
				if strings.Contains(string(f.Bytes), "hunter2") {
					t.Errorf("%s, %s %s: %s is shown as it is", how, c.ty, c.given, name)
				}
			}
		}
	}
	for _, wrong := range []string{"password:hunter2", "hunter2"} {
		if _, said := loadText(t, strings.NewReplacer("TYPE", "string", "RULE", "").Replace(decl), Inputs{Vars: []string{wrong}}); strings.Contains(said, "hunter2") {
			t.Errorf("--var %s: %s", wrong, said)
		}
	}
}

// Credentials are part of some strings that nobody marks.
func TestNoDiagnosticHoldsCredentials(t *testing.T) {
	for _, body := range []string{
		`pull = "https://me:hunter2@example.com/app"`, `pull = "me:hunter2@example.com/APP"`, `pull = "me:hunter2@example.com/app:1"`, `load = "s3://me:hunter2@example.com/app"`,
		`import = "s3://me:hunter2@example.com/x.tar"`, "build {\ncontext = \"ftp://me:hunter2@example.com/x\"\n}", "build {\ncontext = \".\"\ncache_from = [\"type=s3,secret_access_key=hunter2\"]\n}",
		"build {\ncontext = \".\"\ncache_to = [\"type=registry,ref=me:hunter2@example.com/x,token=hunter2\"]\n}", "build {\ncontext = \".\"\ncontexts = { a = \"me:hunter2@example.com/x\" }\n}",
	} {
		if _, said := loadText(t, "stack \"s\" {}\nimage \"x\" {\n"+body+"\n}\n", Inputs{}); strings.Contains(said, "hunter2") {
			t.Errorf("%s: %s", body, said)
		}
	}
}
