package planner

import (
	"fmt"
	"maps"
	"math/rand"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

func show(v cty.Value) string {
	if v.IsNull() {
		return "null"
	}
	return strings.NewReplacer("cty.", "", "StringVal", "", "[]Value", "").Replace(fmt.Sprintf("%#v", v))
}

// world makes random stacks.
type world struct {
	r   *rand.Rand
	ids int
}

func (w *world) newID() string {
	w.ids++
	return fmt.Sprintf("%012x%052x", w.ids, 0)
}

func (w *world) chance(percent int) bool { return w.r.Intn(100) < percent }

func (w *world) one(words ...string) string { return words[w.r.Intn(len(words))] }

// sources are what a registry and a directory of archives have.
func sources() map[string]*Source {
	out := map[string]*Source{}
	for _, ref := range []string{"r.example.com/a:1", "r.example.com/a:2", "r.example.com/b:1", "r.example.com/c:1"} {
		out[ref] = &Source{Digest: "sha256:" + strings.ReplaceAll(ref, "/", "-"), Platforms: map[string]int64{"linux/amd64": 1000}}
	}
	out["r.example.com/a:2"].Digest = out["r.example.com/a:1"].Digest // another name for the same
	for _, f := range []string{"/x.tar", "/y.tar"} {
		out[f] = &Source{Digest: "sha256:" + f, Fingerprint: "f" + f, Platforms: map[string]int64{"linux/amd64": 500}}
	}
	out["image.i"] = &Source{Inputs: Inputs{{InputFile, "main.go", "0644 sha256:1"}}}
	out["image.j"] = &Source{Inputs: Inputs{{InputFile, "main.go", "0644 sha256:2"}}, Bases: []Base{{Name: "i", Image: spec.Addr{Kind: spec.KindImage, Name: "i"}, At: "Dockerfile:1", Use: "FROM"}}}
	out["image.k"] = &Source{Inputs: Inputs{{InputFile, "rootfs.tar", "sha256:3"}}}
	return out
}

// config makes a random stack out of few names, so that two of them have much in common.
func (w *world) config() *spec.Config {
	cfg := &spec.Config{Stack: spec.Stack{Name: "shop", Namespace: "default"}, Lock: spec.Lock{}}
	line := 0
	block := func(a spec.Addr) spec.Block {
		line++
		return spec.Block{Addr: a, DeclAt: hcl.Range{Filename: "x.fairlead.hcl", Start: hcl.Pos{Line: line, Byte: line * 10}}}
	}
	var refs []spec.ImageRef
	for _, n := range []string{"i", "j", "k"} {
		if w.chance(30) {
			continue
		}
		im := &spec.Image{Block: block(spec.Addr{Kind: spec.KindImage, Name: n}), Platform: []string{""}}
		based := n != "j" || slices.ContainsFunc(spec.Of[*spec.Image](cfg), func(im *spec.Image) bool { return im.Addr.Name == "i" })
		if w.chance(40) && based {
			im.Name = "shop/" + n + ":" + w.one("1", "1", "2")
			if n == "k" && w.chance(50) {
				im.Rootfs = &spec.Rootfs{Path: "/rootfs.tar"}
			} else {
				im.Build = &spec.Build{Context: "/src", Inline: w.one("FROM scratch", "FROM scratch # again"), Args: map[string]string{"V": w.one("1", "1", "2")}}
			}
		} else if w.chance(50) {
			im.Pull = w.one("r.example.com/a:1", "r.example.com/a:2", "r.example.com/b:1")
			im.Name = "shop/" + n + ":" + strings.ReplaceAll(im.Pull[14:], ":", "-")
			if w.chance(30) {
				cfg.Lock[im.Pull] = spec.Pin{Digest: "sha256:" + strings.ReplaceAll(im.Pull, "/", "-")}
			}
		} else {
			im.Load = w.one("/x.tar", "/y.tar")
			im.Name = "shop/" + n + ":" + w.one("1", "2")
		}
		if w.chance(30) {
			im.Tags = []string{"shop/" + n + ":tag"}
		}
		if w.chance(20) {
			im.Push = []string{"r.example.com/" + n}
		}
		cfg.Resources = append(cfg.Resources, im)
		refs = append(refs, spec.ImageRef{Addr: im.Addr, Name: im.Name})
	}
	for _, ref := range []string{"r.example.com/a:1", "r.example.com/c:1"} {
		a := spec.Addr{Kind: spec.KindImage, Name: ref}
		if w.chance(50) {
			cfg.Resources = append(cfg.Resources, &spec.Image{Block: spec.Block{Addr: a}, Implied: true, Name: ref, Pull: ref, Platform: []string{""}})
			refs = append(refs, spec.ImageRef{Addr: a, Name: ref})
		}
	}
	if len(refs) == 0 {
		return cfg
	}
	names := []string{"p", "q", "r", "s", "t"}
	w.r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, n := range names {
		if w.chance(25) {
			continue
		}
		c := &spec.Container{Block: block(spec.Addr{Kind: spec.KindContainer, Name: n}), Name: "shop-" + n, Image: refs[w.r.Intn(len(refs))]}
		c.Command = [][]string{nil, {}, {"a"}, {"a", "b"}}[w.r.Intn(4)]
		c.Env = []map[string]string{nil, {"A": "1"}, {"A": "2", "B": ""}}[w.r.Intn(3)]
		c.Labels = []map[string]string{nil, {"l": "1"}, {"l": "2"}}[w.r.Intn(3)]
		c.State = w.one("running", "running", "running", "stopped", "paused")
		c.Ready = w.one("started", "started", "completed")
		if c.Ready == spec.ReadyCompleted {
			c.State = w.one("running", "stopped")
		}
		c.Restart.Policy = w.one("no", "always", "unless-stopped")
		if c.Ready == spec.ReadyCompleted {
			c.Restart.Policy = "no"
		}
		c.NetworkMode = w.one("host", "none")
		c.Update = spec.Update{Strategy: w.one("stop-first", "start-first"), Within: time.Minute, Rollback: w.chance(50)}
		c.Mounts = [][]spec.Mount{nil, {{Target: "/t", Tmpfs: &spec.Tmpfs{}}}, {{Target: "/t", Bind: "/srv", ReadOnly: true}}}[w.r.Intn(3)]
		for _, other := range spec.Of[*spec.Container](cfg) {
			if w.chance(25) {
				c.DependsOn = append(c.DependsOn, other.Addr)
			}
		}
		slices.SortFunc(c.DependsOn, spec.Addr.Compare)
		if w.chance(10) && len(c.DependsOn) > 0 {
			c.Lifecycle.ReplaceTriggeredBy = c.DependsOn[:1]
		}
		c.References = append([]spec.Addr{c.Image.Addr}, c.DependsOn...)
		cfg.Resources = append(cfg.Resources, c)
	}
	return cfg
}

// drift does by hand what people do to a host.
func (w *world) drift(h *model) {
	ids := slices.Sorted(maps.Keys(h.containers))
	for _, id := range ids {
		l := h.containers[id]
		if !w.chance(15) {
			continue
		}
		switch w.r.Intn(5) {
		case 0:
			l.Task, l.monitored = Task{Status: TaskStopped, ExitCode: 137}, false
		case 1:
			l.Task = Task{}
		case 2:
			if l.Task.Up() {
				l.Task.Status = TaskPaused
			}
		case 3:
			delete(h.containers, id)
		case 4:
			sp := *l.Spec
			sp.Env = map[string]string{"HAND": "1"}
			l.Spec = &sp
		}
		l.Seen = fmt.Sprint(h.tick().Unix())
	}
	for _, n := range slices.Sorted(maps.Keys(h.images)) {
		if w.chance(5) {
			delete(h.images, n)
		}
	}
}

// converge applies cfg whole and checks that nothing is left to do and that the host is as a clean one.
func converge(t *testing.T, w *world, h *model, cfg *spec.Config, why string) {
	t.Helper()
	p, diags := h.plan(cfg, Options{NewID: w.newID})
	if diags.HasErrors() {
		t.Fatalf("%s: %s", why, diags)
	}
	checkInvariants(t, p, h)
	if err := h.apply(p, -1, w.r.Intn); err != nil {
		t.Fatalf("%s: %v\n%s\nhost:\n%s", why, err, p, h.text())
	}
	again, diags := h.plan(cfg, Options{NewID: w.newID})
	if diags.HasErrors() || !again.Empty() || len(again.Changes) > 0 {
		t.Fatalf("%s: the second plan is not empty: %s\n%sfirst:\n%shost:\n%s", why, diags, again, p, h.text())
	}
	clean := newModel(h.sources)
	p, diags = clean.plan(cfg, Options{NewID: w.newID})
	if diags.HasErrors() {
		t.Fatalf("%s: clean: %s", why, diags)
	}
	if err := clean.apply(p, -1, func(int) int { return 0 }); err != nil {
		t.Fatalf("%s: clean: %v\n%s", why, err, p)
	}
	if got, want := h.text(), clean.text(); got != want {
		t.Fatalf("%s: the host differs from a clean one\n%s", why, difference(got, want))
	}
}

// difference gives the lines that only one of two texts has.
func difference(got, want string) string {
	var out []string
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for _, l := range g {
		if !slices.Contains(w, l) {
			out = append(out, "got   "+l)
		}
	}
	for _, l := range w {
		if !slices.Contains(g, l) {
			out = append(out, "clean "+l)
		}
	}
	return strings.Join(out, "\n")
}

// checkInvariants holds for every plan.
func checkInvariants(t *testing.T, p *Plan, h *model) {
	t.Helper()
	check := 0
	before := make([]map[int]bool, len(p.Steps)+1) // what must have run before each
	for i, s := range p.Steps {
		if s.ID != i+1 {
			t.Fatalf("step %d is numbered %d", i+1, s.ID)
		}
		before[s.ID] = map[int]bool{}
		for _, a := range s.After {
			if a >= s.ID {
				t.Fatalf("step %d after %d\n%s", s.ID, a, p)
			}
			before[s.ID][a] = true
			for b := range before[a] {
				before[s.ID][b] = true
			}
		}
		for _, a := range s.If {
			if !before[s.ID][a] {
				t.Fatalf("step %d runs if %d changed something, and does not wait for it\n%s", s.ID, a, p)
			}
		}
		if _, ok := s.Op.(*CheckUnmoved); ok {
			check = s.ID
		}
	}
	stops := map[int]*Step{}
	for _, s := range p.Steps {
		switch op := s.Op.(type) {
		case *PullImage, *LoadImage, *BuildImage, *ImportImage, *RegisterEmulator, *TagImage, *CreateContainer:
			if check > 0 && !before[check][s.ID] {
				t.Fatalf("slow step %d does not precede the check\n%s", s.ID, p)
			}
		case *StopTask:
			if p.Changes[s.Change].Old == op.ID {
				stops[s.Change] = s
			}
			mustFollow(t, p, h, before, check, s)
		case *StartTask:
			mustFollow(t, p, h, before, check, s)
			stop := stops[s.Change]
			if stop == nil || before[stop.ID][s.ID] || !before[s.ID][stop.ID] {
				continue
			}
			for b := range before[s.ID] {
				if b != stop.ID && !before[stop.ID][b] {
					t.Fatalf("step %d starts what step %d stopped, and waits for step %d besides\n%s", s.ID, stop.ID, b, p)
				}
			}
		case *AwaitReady, *PauseTask, *ResumeTask, *RelabelContainer, *RemoveContainer, *UntagImage, *RelabelImage:
			mustFollow(t, p, h, before, check, s)
		}
	}
}

// mustFollow: whatever touches what was there comes after the check.
func mustFollow(t *testing.T, p *Plan, h *model, before []map[int]bool, check int, s *Step) {
	t.Helper()
	there := false
	switch op := s.Op.(type) {
	case *UntagImage:
		there = h.images[op.Name] != nil
	case *RelabelImage:
		there = h.images[op.Name] != nil
	default:
		there = h.containers[containerOf(op)] != nil
	}
	if there && !before[s.ID][check] {
		t.Fatalf("step %d touches what was there before step %d checked it\n%s", s.ID, check, p)
	}
}

// TestPlansConverge: from any host, whatever was done to it and wherever earlier applies ended, one apply makes it as wanted.
func TestPlansConverge(t *testing.T) {
	n := 60
	switch {
	case testing.Short():
		n = 30
	case os.Getenv("FAIRLEAD_TEST_FULL") != "":
		n = 400
	}
	for seed := 0; seed < n; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomWalk(t, int64(seed)) })
	}
}

func randomWalk(t *testing.T, seed int64) {
	w := &world{r: rand.New(rand.NewSource(seed))}
	h := newModel(sources())
	converge(t, w, h, w.config(), "first")
	for i := 0; i < 4; i++ {
		if w.chance(50) {
			w.drift(h)
		}
		cfg := w.config()
		p, diags := h.plan(cfg, Options{NewID: w.newID})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for n := range len(p.Steps) + 1 {
			cut := h.clone()
			if err := cut.apply(p, n, w.r.Intn); err != nil {
				t.Fatalf("%v\n%s\n%s", err, p, h.text())
			}
			if w.chance(20) { // on to something else
				other := w.config()
				converge(t, w, cut, other, fmt.Sprintf("change %d, cut after %d steps, then another", i, n))
				continue
			}
			converge(t, w, cut, cfg, fmt.Sprintf("change %d, cut after %d of\n%s", i, n, p))
		}
		converge(t, w, h, cfg, fmt.Sprintf("change %d", i))
	}
	nothing := &spec.Config{Stack: spec.Stack{Name: "shop", Namespace: "default"}}
	p, diags := h.plan(nothing, Options{Destroy: true})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if err := h.apply(p, -1, w.r.Intn); err != nil {
		t.Fatalf("%v\n%s", err, p)
	}
	if got := h.text(); got != "" {
		t.Fatalf("destroy leaves\n%s", got)
	}
}
