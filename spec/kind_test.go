package spec

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// memo is a kind of which nothing but its row and its type says anything.
type memo struct {
	Block
	Text  string
	After []Addr
}

func (n *memo) decode(d *decoder, content *hcl.BodyContent) {
	n.Text, _, _ = d.text(content.Attributes, "text")
	n.After = d.addresses(content.Attributes["after"], "after")
}

func (n *memo) reference() cty.Value {
	text := cty.StringVal(n.Text)
	if n.Marks.Unknown["text"] {
		text = cty.UnknownVal(cty.String)
	}
	return cty.ObjectVal(map[string]cty.Value{"text": text})
}

// A new kind is a type and a row: its blocks are read, repeated, referred to, ordered, evaluated again and named in addresses and suggestions, and
// nothing else is edited.
func TestAKindIsARow(t *testing.T) {
	before := kinds
	defer func() { kinds = before }()
	kinds = append(slices.Clone(kinds), &kind{
		name: "memo", label: blockLabel{name: "name", sample: "todo"},
		schema: newSchema(schema{
			required: []string{"text"}, optional: []string{"after"}, repeats: true, carries: []string{"text"}, exposed: exposedOnHost,
			nested: map[string]*schema{"lifecycle": lifecycleSchema},
		}),
		empty:      func(b Block) Resource { return &memo{Block: b} },
		attributes: []string{"text"},
		orders:     map[string][]Kind{"after": {KindContainer}, "lifecycle.replace_triggered_by": {"memo"}},
	})
	const text = `
stack "s" {}
image "app" { pull = "example.com/app:1" }
container "web" {
  image        = image.app
  network_mode = "none"
  env          = { A = memo.a.text, B = memo.b["k"].text, D = memo.d.text }
}
memo "a" { text = "for ${image.app.name}" }
memo "b" {
  for_each = { k = "v" }
  text     = "${each.value} ${memo.a.text}"
}
memo "d" {
  text = image.app.digest
  lifecycle {
    prevent_destroy      = true
    replace_triggered_by = [memo.a]
  }
}
`
	cfg, said := loadText(t, text, Inputs{})
	if said != "" {
		t.Fatal(said)
	}
	order := make([]string, len(cfg.Order))
	for i, a := range cfg.Order {
		order[i] = a.String()
	}
	if d := cmp.Diff([]string{"image.app", "memo.a", `memo.b["k"]`, "memo.d", "container.web"}, order); d != "" {
		t.Error(d)
	}
	web := cfg.Get(Addr{Kind: KindContainer, Name: "web"}).(*Container)
	if d := cmp.Diff(map[string]string{"A": "for example.com/app:1", "B": "v for example.com/app:1"}, web.Env); d != "" || !web.Marks.Unknown[`env["D"]`] {
		t.Error(d, web.Marks)
	}
	a, err := ParseAddr("memo.d")
	if err != nil {
		t.Fatal(err)
	}
	r, diags := cfg.Reevaluate(a, map[Addr]cty.Value{{Kind: KindImage, Name: "app"}: ImageValue("example.com/app:1", "sha256:12", -1, nil)}, nil)
	if diags.HasErrors() || r.(*memo).Text != "sha256:12" || !r.Header().Lifecycle.PreventDestroy {
		t.Error(r, diags)
	}
	if len(Of[*memo](cfg)) != 3 || !slices.Equal(AttributePaths("memo")[:2], []string{"text", "after"}) {
		t.Error(Of[*memo](cfg), AttributePaths("memo"))
	}
	for wrong, want := range map[string]string{
		`memo "a" { txt = 1 }`: `Missing attribute: The attribute "text" is required, but no definition was found.` + "\n" +
			`Unknown attribute: An attribute named "txt" is not expected here. Did you mean "text"?`,
		`memu "a" {}`: `Unknown block: There is no block "memu" in a stack: there are "container", "emulator", "image", "import", "locals", "memo", "output", "registry", "stack" and "variable". Did you mean "memo"?`,
		"memo \"a\" {\n  text = \"x\"\n  after = [memo.b]\n}\nmemo \"b\" { text = \"y\" }": "Bad reference: An element of after names a container.",
		"memo \"a\" { text = memo.b.texts }\nmemo \"b\" { text = \"y\" }":                  `Unknown reference: There is no "texts" here: there are "text". Did you mean "text"?`,
	} {
		if _, got := loadText(t, "stack \"s\" {}\n"+wrong, Inputs{}); got != want {
			t.Errorf("%s\n%s", wrong, got)
		}
	}
}
