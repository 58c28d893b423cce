package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// Loading costs the same for each container, however many there are and however they refer to each other: four times as many
// containers take about four times the allocations.
func TestLoadingIsLinear(t *testing.T) {
	const few, many = 1_000, 4_000
	for name, text := range map[string]func(n int) string{"instances": manyInstances, "blocks": manyBlocks} {
		t.Run(name, func(t *testing.T) {
			small, large := loadAllocations(t, text(few), few), loadAllocations(t, text(many), many)
			if ratio := float64(large) / float64(small); ratio > 5 {
				t.Errorf("%d containers took %d allocations, and %d took %d: %.1f times as many", few, small, many, large, ratio)
			}
		})
	}
}

// manyInstances makes one block of n instances that refer to those of another block.
func manyInstances(n int) string {
	return fmt.Sprintf(`stack "s" {}
container "db" {
  for_each     = toset([for i in range(%d) : "k${i}" if i < 1024])
  image        = "pg"
  network_mode = "none"
}
container "web" {
  for_each     = { for p in setproduct(range(%d), range(100)) : "k${p[0] * 100 + p[1]}" => p }
  image        = "nginx"
  network_mode = "none"
  env          = { DB = try(container.db[each.key].name, "none") }
}
`, min(n/10, 1024), n/100)
}

// manyBlocks makes n blocks, each of which refers to the one before it.
func manyBlocks(n int) string {
	var blocks strings.Builder
	blocks.WriteString("stack \"s\" {}\n")
	for i := range n {
		fmt.Fprintf(&blocks, "container \"c%d\" {\n  image = \"nginx\"\n  network_mode = \"none\"\n", i)
		if i > 0 {
			fmt.Fprintf(&blocks, "  depends_on = [container.c%d]\n  env = { A = container.c%d.name }\n", i-1, i-1)
		}
		blocks.WriteString("}\n")
	}
	return blocks.String()
}

// loadAllocations is how many objects Load allocates for a file of at least n containers.
func loadAllocations(t testing.TB, text string, n int) uint64 {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, text)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cfg, diags := Load(dir, Inputs{})
	runtime.ReadMemStats(&after)
	if diags.HasErrors() {
		t.Fatal(diags[0])
	}
	if len(Of[*Container](cfg)) < n {
		t.Fatalf("%d containers; want %d", len(Of[*Container](cfg)), n)
	}
	return after.Mallocs - before.Mallocs
}

// BenchmarkLoadMany is for docs/benchmarks.md.
func BenchmarkLoadMany(b *testing.B) {
	const many = 10_000
	for name, text := range map[string]string{"instances": manyInstances(many), "blocks": manyBlocks(many)} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			write(b, dir, text)
			for b.Loop() {
				if _, diags := Load(dir, Inputs{}); diags.HasErrors() {
					b.Fatal(diags[0])
				}
			}
		})
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
		if len(cfg.Order) != len(Of[*Image](cfg))+len(Of[*Container](cfg)) {
			t.Errorf("%d in order of %d images and %d containers", len(cfg.Order), len(Of[*Image](cfg)), len(Of[*Container](cfg)))
		}
		done := map[Addr]bool{}
		for _, a := range cfg.Order {
			for _, r := range cfg.Get(a).Header().References {
				if !done[r] {
					t.Errorf("%s comes before %s, which it needs", a, r)
				}
			}
			done[a] = true
			if back, err := ParseAddr(a.String()); err != nil || back != a {
				t.Errorf("%s is no address: %v", a, err)
			}
			_, diags := cfg.Reevaluate(a, nil, nil)
			for _, d := range diags {
				if d.Summary != "Not known while planning" {
					t.Errorf("%s cannot be settled: %s", a, d)
				}
			}
		}
	})
}
