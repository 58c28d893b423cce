package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// absentStack has blocks with no instance (dbg, none, old), with two (w, n) and with neither for_each nor count (one).
const absentStack = `
stack "s" {}
variable "debug" { default = false }
variable "i" { default = 0 }
image "a" { pull = "example.com/a:1" }
image "old" {
  count = 0
  pull  = "example.com/old:1"
}
container "dbg" {
  count        = var.debug ? 1 : 0
  image        = image.a
  network_mode = "none"
}
container "none" {
  for_each     = toset([])
  image        = image.a
  network_mode = "none"
}
container "w" {
  for_each     = toset(["a", "b"])
  image        = image.a
  network_mode = "none"
}
container "n" {
  count        = 2
  image        = image.a
  network_mode = "none"
}
`

// loadText reads a stack of one file.
func loadText(t *testing.T, text string, in Inputs) (*Config, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "s.fairlead.hcl"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, diags := Load(dir, in)
	var all []string
	for _, d := range diags {
		all = append(all, d.Summary+": "+d.Detail)
	}
	return cfg, strings.Join(all, "\n")
}

func TestAbsentInstancesAreSeenWhereTheyAreUsed(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		{`var.debug ? container.dbg[0].name : "no"`, `"no"`},
		{`var.debug ? container.dbg[var.i].name : "no"`, `"no"`},
		{`!var.debug ? "no" : container.dbg[0].name`, `"no"`},
		{`var.debug ? (var.i == 0 ? container.dbg[0].name : container.dbg[1].name) : try(container.none["x"].name, "deep")`, `"deep"`},
		{`try(container.dbg[0].name, "no")`, `"no"`},
		{`try(container.dbg[var.i].name, container.w["zz"].name, container.w["a"].name)`, `"s-w-a"`},
		{`can(container.dbg[0].name)`, `false`},
		{`can(container.n[1].name)`, `true`},
		{`can(container.w["x"])`, `false`},
		{`container.dbg[*].name`, `[]`},
		{`container.n[*].name`, `["s-n-0","s-n-1"]`},
		{`one(container.dbg[*].name)`, `null`},
		{`one(container.dbg[*].id)`, `null`},
		{`length(container.dbg)`, `0`},
		{`length(container.none)`, `0`},
		{`container.dbg`, `[]`},
		{`container.none`, `{}`},
		{`[for c in container.dbg : c.name]`, `[]`},
		{`{ for k, c in container.none : k => c.name }`, `{}`},
		{`var.debug && container.dbg[0].name == "x"`, `false`},
		{`!var.debug || container.dbg[0].name == "x"`, `true`},
		{`contains(keys(container.w), "x")`, `false`},
		{`contains(keys(container.none), "x") ? container.none["x"].name : "no"`, `"no"`},
		{`contains(keys(container.w), "x") ? container.w["x"].name : "no"`, `"no"`},
		{`lookup(container.w, "x", "no")`, `"no"`},
		{`lookup(container.none, "x", { name = "no" }).name`, `"no"`},
		{`length(container.dbg) > 0 ? container.dbg[0].name : "no"`, `"no"`},
		{`(var.debug ? image.old[0] : image.a).name`, `"example.com/a:1"`},
		{`try(container.dbg[0], container.w["x"], image.a).name`, `"example.com/a:1"`},
		{strings.Repeat("try(", 150) + "1" + strings.Repeat(")", 150), `1`},
		{`"${var.debug ? container.dbg[0].name : "no"}-x"`, `"no-x"`},
		{`"%{ if var.debug }${container.dbg[0].name}%{ else }no%{ endif }"`, `"no"`},
		{`element(concat(container.dbg[*].name, ["no"]), 0)`, `"no"`},
		{`coalesce(one(container.dbg[*].name), "no")`, `"no"`},

		{`container.dbg[0].name`, `Unknown instance: container.dbg has no instance [0]: count gives none.`},
		{`container.dbg[var.i].name`, `Unknown instance: container.dbg has no instance [0]: count gives none.`},
		{`container.n[var.i + 2]`, `Unknown instance: container.n has no instance [2]: there are [0], [1].`},
		{`!var.debug ? container.dbg[0].name : "no"`, `Unknown instance: container.dbg has no instance [0]: count gives none.`},
		{`container.w["x"].name`, `Unknown instance: container.w has no instance ["x"]: there are ["a"], ["b"].`},
		{`container.w["${"x"}y"].name`, `Unknown instance: container.w has no instance ["xy"]: there are ["a"], ["b"].`},
		{`container.n["a"].name`, `Unknown instance: container.n has no instance ["a"]: there are [0], [1].`},
		{`container.n[-1].name`, `Unknown instance: container.n has no instance [-1]: there are [0], [1].`},
		{`container.w[container.dbg[0].name]`, `Unknown instance: container.dbg has no instance [0]: count gives none.`},
		// What no value can make right is said wherever it stands, as in OpenTofu.
		{`var.debug ? container.dbg[0].nam : "no"`, `Unknown reference: There is no "nam" here`},
		{`try(container.dbg.name, "no")`, `Which instance: container.dbg has count`},
		{`try(container.gone.name, "no")`, `Unknown reference: No container block "gone" is declared.`},
	} {
		t.Run(c.expr, func(t *testing.T) {
			local := "\nlocals {\n  v = " + c.expr + "\n}\noutput \"o\" {\n  value = local.v\n}\n"
			for where, text := range map[string]string{"output": "\noutput \"o\" {\n  value = " + c.expr + "\n}\n", "local": local} {
				cfg, said := loadText(t, absentStack+text, Inputs{})
				if said != "" {
					if said != c.want && (!strings.HasPrefix(said, c.want) || strings.Contains(said, "\n")) {
						t.Errorf("%s: got %s\nwant %s", where, said, c.want)
					}
					continue
				}
				v := cfg.Outputs[0].Value
				got, err := ctyjson.Marshal(v, v.Type())
				if err != nil || string(got) != c.want {
					t.Errorf("%s: got %s %v, want %s", where, got, err, c.want)
				}
			}
		})
	}
}

func TestAbsentInstancesInBlocks(t *testing.T) {
	block := func(body string) string {
		return absentStack + "container \"c\" {\n  network_mode = \"none\"\n" + body + "\n}\n"
	}
	for _, c := range []struct{ body, want string }{
		{"image = var.debug ? image.old[0] : image.a", ""},
		{"image = try(image.old[0], image.a)", ""},
		{"image = image.old[0]", `Unknown instance: image.old has no instance [0]: count gives none.`},
		{"image = image.a\nenv = { A = var.debug ? container.dbg[0].name : \"\", B = try(container.w[\"x\"].name, \"\") }", ""},
		{"image = image.a\ncommand = concat([\"a\"], container.dbg[*].name)", ""},
		{"image = image.a\ndepends_on = [container.dbg, container.none]", ""},
		{"image = image.a\ndepends_on = [container.dbg[0], container.none[\"x\"]]", ""},
		{"image = image.a\ndepends_on = [container.w[\"x\"]]", `Unknown instance: container.w has no instance ["x"]: there are ["a"], ["b"].`},
		{"image = image.a\nlifecycle {\nreplace_triggered_by = [container.dbg[0]]\n}", ""},
		{"image = image.a\nlifecycle {\nprecondition {\ncondition = var.debug ? container.dbg[0].name != \"\" : true\nerror_message = \"x\"\n}\n}", ""},
		{"image = image.a\ncount = length(container.dbg)", ""},
		{"image = image.a\nfor_each = { for c in container.dbg : c.name => c.name }", ""},
		{"image = image.a\ndynamic \"mount\" {\nfor_each = container.dbg\ncontent {\ntarget = \"/${mount.value.name}\"\nbind = \"/tmp\"\n}\n}", ""},
	} {
		t.Run(c.body, func(t *testing.T) {
			cfg, said := loadText(t, block(c.body), Inputs{})
			if said != c.want {
				t.Fatalf("got %q, want %q", said, c.want)
			}
			if said == "" && len(cfg.Order) == 0 {
				t.Error("nothing is in order")
			}
		})
	}
}

// References of every branch make order, whichever is taken.
func TestConditionalReferencesMakeOrder(t *testing.T) {
	text := absentStack + "container \"c\" {\n  image = image.a\n  network_mode = \"none\"\n  env = { A = var.debug ? container.dbg[0].name : try(container.n[var.i].id, \"\") }\n}\n"
	for debug, want := range map[string]string{"true": "[image.a container.dbg[0] container.n[0]]", "false": "[image.a container.n[0]]"} {
		cfg, said := loadText(t, text, Inputs{Vars: []string{"debug=" + debug}})
		if said != "" {
			t.Fatal(said)
		}
		if got := fmt.Sprint(cfg.Get(Addr{Kind: KindContainer, Name: "c"}).Header().References); got != want {
			t.Errorf("debug %s: got %s, want %s", debug, got, want)
		}
	}
}
