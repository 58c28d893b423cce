package planner

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// large makes n resources: n/10 images, and containers of which each depends on one before it.
func large(n int) (*spec.Config, map[string]*Source) {
	cfg := &spec.Config{Stack: spec.Stack{Name: "shop", Namespace: "default"}, Lock: spec.Lock{}}
	src := map[string]*Source{}
	at := func(i int) hcl.Range {
		return hcl.Range{Filename: "x.fairlead.hcl", Start: hcl.Pos{Line: i, Byte: i}}
	}
	for i := range n / 10 {
		ref := fmt.Sprintf("r.example.com/i%05d:1", i)
		src[ref] = &Source{Digest: fmt.Sprintf("sha256:%064x", i), Platforms: map[string]int64{"linux/amd64": 1000}}
		cfg.Resources = append(cfg.Resources, &spec.Image{Block: spec.Block{Addr: spec.Addr{Kind: spec.KindImage, Name: fmt.Sprintf("i%05d", i)}, DeclAt: at(i)}, Name: ref, Pull: ref})
	}
	images := spec.Of[*spec.Image](cfg)
	for i := range n - n/10 {
		im := images[i%len(images)]
		c := &spec.Container{Block: spec.Block{Addr: spec.Addr{Kind: spec.KindContainer, Name: fmt.Sprintf("c%05d", i)}, DeclAt: at(n + i)},
			Name: fmt.Sprintf("shop-c%05d", i), Image: spec.ImageRef{Addr: im.Addr, Name: im.Name}, NetworkMode: "host", State: "running", Ready: "started",
			Env: map[string]string{"A": "1", "B": "2", "C": fmt.Sprint(i)}, Labels: map[string]string{"team": "shop"}, Command: []string{"serve", "--port", fmt.Sprint(i)},
			Restart: spec.Restart{Policy: "always"}, Update: spec.Update{Strategy: spec.StopFirst, Within: time.Minute, Rollback: true},
			Mounts: []spec.Mount{{Target: "/data", Bind: "/srv/data"}}}
		c.References = []spec.Addr{im.Addr}
		if i > 0 {
			c.DependsOn = []spec.Addr{cfg.Resources[len(images)+i/2].Header().Addr}
			c.References = append(c.References, c.DependsOn...)
		}
		cfg.Resources = append(cfg.Resources, c)
	}
	return cfg, src
}

// BenchmarkMake10000 plans ten thousand resources: from nothing, with nothing to do, replaced all, and away with all.
func BenchmarkMake10000(b *testing.B) {
	cfg, src := large(10000)
	w := &world{}
	h := newModel(src)
	fresh, sources := h.observe(cfg)
	p, diags := Make(cfg, fresh, sources, Options{NewID: w.newID})
	if diags.HasErrors() {
		b.Fatal(diags)
	}
	h.begin(p)
	for _, s := range p.Steps {
		if err := h.step(s); err != nil {
			b.Fatal(err)
		}
	}
	full, _ := h.observe(cfg)
	changed, _ := large(10000)
	for _, c := range spec.Of[*spec.Container](changed) {
		c.Env["A"] = "3"
	}
	for _, c := range []struct {
		name string
		cfg  *spec.Config
		have *State
		o    Options
		max  int // steps
	}{
		{"create", cfg, fresh, Options{NewID: w.newID}, 1 << 30},
		{"nothing", cfg, full, Options{NewID: w.newID}, 0},
		{"replace", changed, full, Options{NewID: w.newID}, 1 << 30},
		{"destroy", cfg, full, Options{NewID: w.newID, Destroy: true}, 1 << 30},
	} {
		b.Run(c.name, func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range b.N {
				p, diags := Make(c.cfg, c.have, sources, c.o)
				if diags.HasErrors() || len(p.Steps) > c.max {
					b.Fatalf("%v\n%.2000s", diags, p)
				}
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/1e6, "MB/op")
		})
	}
}
