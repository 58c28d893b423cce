package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// Ten thousand containers load in a couple of seconds, as instances and as blocks, however they refer to each other.
func TestLoadsManyContainers(t *testing.T) {
	const many = 10_000
	instances := fmt.Sprintf(`stack "s" {}
container "db" {
  for_each     = toset([for i in range(%d) : "k${i}" if i < 1024])
  image        = "pg"
  network_mode = "none"
}
container "web" {
  for_each     = { for p in setproduct(range(100), range(100)) : "k${p[0] * 100 + p[1]}" => p }
  image        = "nginx"
  network_mode = "none"
  env          = { DB = try(container.db[each.key].name, "none") }
}
`, 1024)
	var blocks strings.Builder
	blocks.WriteString("stack \"s\" {}\n")
	for i := range many {
		fmt.Fprintf(&blocks, "container \"c%d\" {\n  image = \"nginx\"\n  network_mode = \"none\"\n", i)
		if i > 0 {
			fmt.Fprintf(&blocks, "  depends_on = [container.c%d]\n  env = { A = container.c%d.name }\n", i-1, i-1)
		}
		blocks.WriteString("}\n")
	}
	for name, text := range map[string]string{"instances": instances, "blocks": blocks.String()} {
		dir := t.TempDir()
		write(t, dir, text)
		start := time.Now()
		cfg, diags := Load(dir, Inputs{})
		took := time.Since(start)
		if diags.HasErrors() {
			t.Fatal(name, diags[0])
		}
		if len(cfg.Containers) < many {
			t.Error(name, len(cfg.Containers))
		}
		t.Log(name, took)
		if took > 10*time.Second { // some two seconds are usual; a machine under load is no defect
			t.Errorf("%s took %s", name, took)
		}
	}
}

func BenchmarkLoad50(b *testing.B) {
	var text strings.Builder
	text.WriteString("stack \"s\" {}\n")
	for i := range 50 {
		fmt.Fprintf(&text, "container \"c%d\" {\n  image = \"nginx:%d\"\n  network_mode = \"none\"\n  env = { A = \"x${%d}\" }\n}\n", i, i, i)
	}
	dir := b.TempDir()
	write(b, dir, text.String())
	for b.Loop() {
		if _, diags := Load(dir, Inputs{}); diags.HasErrors() {
			b.Fatal(diags)
		}
	}
}

// No text of a file makes Load panic, and without an error everything in the config has an address and a place in the order.
func FuzzLoad(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range paths {
		ar, err := txtar.ParseFile(p)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range ar.Files {
			if strings.HasSuffix(file.Name, FileSuffix) {
				f.Add(string(file.Data))
			}
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		dir := filepath.Join(dir, fmt.Sprint(os.Getpid()))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, dir, text)
		cfg, diags := Load(dir, Inputs{Vars: []string{"v=1"}, Version: "0.1.0"})
		if cfg == nil || cfg.Files == nil {
			t.Fatal("no config")
		}
		if diags.HasErrors() {
			return
		}
		if len(cfg.Order) != len(cfg.Images)+len(cfg.Containers) {
			t.Errorf("%d in order of %d images and %d containers", len(cfg.Order), len(cfg.Images), len(cfg.Containers))
		}
		done := map[Addr]bool{}
		for _, a := range cfg.Order {
			for _, r := range cfg.Get(a).Refs() {
				if !done[r] {
					t.Errorf("%s comes before %s, which it needs", a, r)
				}
			}
			done[a] = true
			if back, err := ParseAddr(a.String()); err != nil || back != a {
				t.Errorf("%s is no address: %v", a, err)
			}
			if _, diags := cfg.Settle(a, nil); diags.HasErrors() {
				t.Errorf("%s cannot be settled: %s", a, diags)
			}
		}
	})
}
