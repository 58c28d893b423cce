package planner

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// carryingForms are attributes of a container that carry what only a build tells, as files write it.
var carryingForms = []string{
	``,
	`env = { D = image.a.digest }`,
	`env = { D = "in-${image.b.digest}-${local.d}" }`,
	`command = ["run", "--at=${local.d}"]`,
	`labels = { d = image.b.digest }`,
	`annotations = { d = local.all[0] }`,
	`env = { for k, v in { A = image.a.digest, B = "2" } : k => "v-${v}" }`,
	`env = merge({ A = "1" }, { D = join(",", local.all) })`,
	"mount {\n    bind   = \"/srv/${image.a.digest}\"\n    target = \"/srv\"\n  }",
	`entrypoint = concat(["sh"], [true ? image.b.digest : "none"])`,
}

// fileWorld makes random stacks as people write them, out of few names: blocks are renamed, and attributes carry digests of images that
// are built. Each stack has much in common with the one before it.
type fileWorld struct {
	world
	last map[string]string // what was chosen, by what for
}

// pick chooses anew, or what it chose before.
func (w *fileWorld) pick(what string, from ...string) string {
	if _, chosen := w.last[what]; !chosen || w.chance(25) {
		w.last[what] = w.one(from...)
	}
	return w.last[what]
}

// anew forgets what was chosen.
func (w *fileWorld) anew(what ...string) {
	for _, x := range what {
		delete(w.last, x)
	}
}

func (w *fileWorld) files() string {
	var b strings.Builder
	fmt.Fprintf(&b, "stack \"shop\" {}\nlocals {\n  d   = image.a.digest\n  all = [for d in [image.a.digest, image.b.digest] : \"x-${d}\"]\n}\n")
	fmt.Fprintf(&b, "image \"a\" {\n  build {\n    context = \".\"\n    args    = { V = %q }\n    inline  = %q\n  }\n}\n", w.pick("a", "1", "1", "2"), w.one("FROM scratch", "FROM scratch # again"))
	fmt.Fprintf(&b, "image \"b\" {\n  %s\n  build {\n    context = \"b\"\n    args    = { V = %q, A = %s }\n  }\n}\n", w.pick("tags", "", `tags = ["shop/b:1"]`), w.pick("b", "1", "2"), w.pick("arg", `"none"`, "image.a.digest", `"at-${local.d}"`))
	var names []string
	for _, n := range []string{"p", "q", "r", "s"} {
		if w.pick(n, "yes", "yes", "no") == "no" {
			continue
		}
		each := ""
		if n == "s" {
			each = w.pick("each", "", "count = 2", `for_each = toset(["x", "y"])`, `for_each = toset(["y", "z"])`)
		}
		fmt.Fprintf(&b, "container %q {\n  %s\n  image = %s\n  network_mode = %q\n  %s\n", n, each,
			w.pick(n+" image", "image.a", "image.b", `"r.example.com/c:1"`), w.pick(n+" network", "host", "host", "none"), w.pick(n+" form", carryingForms...))
		if len(names) > 0 {
			needs := w.pick(n+" needs", "", "  depends_on = [container.FIRST]\n", "  working_dir = \"/${container.LAST.id}\"\n", "  depends_on = [container.LAST]\n  working_dir = \"/${container.FIRST.id}\"\n")
			b.WriteString(strings.NewReplacer("FIRST", names[0], "LAST", names[len(names)-1]).Replace(needs))
		}
		fmt.Fprintf(&b, "%s}\n", w.pick(n+" update", "", "  update {\n    strategy = \"start-first\"\n  }\n"))
		if each == "" {
			names = append(names, n)
		}
	}
	return b.String()
}

func load(t *testing.T, text string) (*spec.Config, hcl.Diagnostics) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.fairlead.hcl"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return spec.Load(dir, spec.Inputs{})
}

func loaded(t *testing.T, text string) *spec.Config {
	t.Helper()
	cfg, diags := load(t, text)
	if diags.HasErrors() {
		t.Fatalf("%s\n%s", diags, text)
	}
	return cfg
}

// TestFilesConverge is TestPlansConverge for what files alone can say: references to what only the apply will tell, and blocks that
// get another name or other instances.
func TestFilesConverge(t *testing.T) {
	for seed := range 15 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &fileWorld{world{r: rand.New(rand.NewSource(int64(seed)))}, map[string]string{}}
			h := newModel(sources())
			h.sources["image.a"], h.sources["image.b"] = &Source{}, &Source{}
			for range 4 {
				text := w.files()
				cfg := loaded(t, text)
				p, diags := h.plan(cfg, Options{NewID: w.newID})
				if diags.HasErrors() {
					t.Fatalf("%s\n%s", diags, text)
				}
				for n := 0; n < len(p.Steps); n += 1 + w.r.Intn(5) {
					cut := h.clone()
					if err := cut.apply(p, n, w.r.Intn); err != nil {
						t.Fatalf("%v\n%s\n%s\n%s", err, p, text, h.text())
					}
					converge(t, &w.world, cut, cfg, fmt.Sprintf("cut after %d of\n%s%s", n, p, text))
				}
				converge(t, &w.world, h, cfg, text)
			}
		})
	}
}
