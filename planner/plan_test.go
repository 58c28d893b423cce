package planner

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/fairlead-dev/fairlead/spec"
)

var update = flag.Bool("update", false, "write what the scripts give into their golden files")

// TestPlans runs testdata/*.txtar. A line of a script that begins with # says what must be; the others are commands on a model of
// a host (see script.run); the last plan, its changes, and its diagnostics are compared with the file "plan".
func TestPlans(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(f)
			if err != nil {
				t.Fatal(err)
			}
			s := &script{t: t, h: newModel(map[string]*Source{}), files: map[string]string{}, w: &world{}}
			for _, x := range a.Files {
				s.files[x.Name] = string(x.Data)
			}
			for _, line := range strings.Split(string(a.Comment), "\n") {
				if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
					s.run(line, strings.Fields(line))
				}
			}
			if *update {
				s.write(f, a)
			} else if d := cmp.Diff(s.files["plan"], s.out); d != "" {
				t.Errorf("the plan differs from the golden one (-update writes it):\n%s", d)
			}
		})
	}
}

type script struct {
	t     *testing.T
	h     *model
	w     *world
	files map[string]string
	lock  spec.Lock
	out   string
	plan  *Plan
}

func (s *script) write(path string, a *txtar.Archive) {
	for i := range a.Files {
		if a.Files[i].Name == "plan" {
			a.Files[i].Data = []byte(s.out)
			s.out = ""
		}
	}
	if s.out != "" {
		a.Files = append(a.Files, txtar.File{Name: "plan", Data: []byte(s.out)})
	}
	if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// run does one line of a script.
func (s *script) run(line string, f []string) {
	s.t.Helper()
	named := func() *modelled {
		for _, id := range slices.Sorted(maps.Keys(s.h.containers)) {
			if l := s.h.containers[id]; l.Name == f[1] {
				return l
			}
		}
		s.t.Fatalf("%s: no such container", line)
		return nil
	}
	moved := func(l *modelled) { l.Seen = fmt.Sprint(s.h.tick().Unix()) }
	switch f[0] {
	case "source": // source REF DIGEST PLATFORM=BYTES... : what a registry or an archive has
		src := &Source{Digest: "sha256:" + f[2], Platforms: map[string]int64{}}
		for _, p := range f[3:] {
			name, n, _ := strings.Cut(p, "=")
			src.Platforms[name], _ = strconv.ParseInt(n, 10, 64)
		}
		if len(f) == 3 {
			src.Platforms["linux/amd64"] = 1000000
		}
		s.h.sources[f[1]] = src
	case "input": // input ADDRESS KIND NAME VALUE: what a build or an import depends on; without VALUE it is gone
		src := s.h.sources[f[1]]
		if src == nil {
			src = &Source{}
			s.h.sources[f[1]] = src
		}
		src.Inputs = slices.DeleteFunc(slices.Clone(src.Inputs), func(i Input) bool { return string(i.Kind) == f[2] && i.Name == f[3] })
		if len(f) > 4 {
			src.Inputs = append(src.Inputs, Input{InputKind(f[2]), f[3], strings.Join(f[4:], " ")}).Sorted()
		}
	case "base": // base ADDRESS NAME IMAGE|DIGEST: what a build starts from
		b := Base{Name: f[2], At: "Dockerfile:1", Use: "FROM"}
		if a, err := spec.ParseAddr(f[3]); err == nil {
			b.Image = a
		} else {
			b.Ref, b.Digest, b.Platforms, b.Needs = f[2], "sha256:"+f[3], map[string]int64{"linux/amd64": 1}, []string{"linux/amd64"}
		}
		s.h.sources[f[1]].Bases = []Base{b}
	case "emulated": // emulated ADDRESS PLATFORM LINE: a RUN that needs an emulator
		n, _ := strconv.Atoi(f[3])
		s.h.sources[f[1]].Emulated = append(s.h.sources[f[1]].Emulated, RunInstruction{Line: n, Platforms: []string{f[2]}})
	case "broken": // broken REF WHY... : a source that cannot be read
		s.h.sources[f[1]] = &Source{Err: strings.Join(f[2:], " ")}
	case "pin": // pin REF DIGEST: in the lock file
		if s.lock == nil {
			s.lock = spec.Lock{}
		}
		s.lock[f[1]] = spec.Pin{Digest: "sha256:" + f[2]}
	case "apply": // apply FILE FLAGS... : plan, run all, and there is nothing left to do
		s.make(f[1], f[2:])
		if err := s.h.apply(s.plan, -1, func(int) int { return 0 }); err != nil {
			s.t.Fatalf("%s: %v\n%s", line, err, s.out)
		}
		if f[len(f)-1] != "--destroy" {
			s.make(f[1], nil)
			if !s.plan.Empty() {
				s.t.Fatalf("%s: something is left\n%s", line, s.out)
			}
		}
	case "cut": // cut N FILE FLAGS... : plan, run the first N steps
		s.make(f[2], f[3:])
		n, _ := strconv.Atoi(f[1])
		if err := s.h.apply(s.plan, n, func(int) int { return 0 }); err != nil {
			s.t.Fatalf("%s: %v\n%s", line, err, s.out)
		}
	case "plan":
		s.make(f[1], f[2:])
	case "outside": // outside NAME DIGEST: another tool moves an image record, and takes its labels away
		s.h.images[f[1]] = &LiveImage{Live: Live{Kind: spec.KindImage, ID: f[1], Seen: fmt.Sprint(s.h.tick().Unix())}, Digest: "sha256:" + f[2], Platforms: []string{"linux/amd64"}}
	case "exit": // exit NAME CODE: its process ends
		l := named()
		code, _ := strconv.Atoi(f[2])
		l.Task = Task{Status: TaskStopped, ExitCode: uint32(code)}
		moved(l)
	case "reboot": // no task is there any more
		for _, l := range s.h.containers {
			l.Task = Task{}
			moved(l)
		}
	case "pause":
		l := named()
		l.Task.Status = TaskPaused
		moved(l)
	case "unmonitor": // stopped by hand, with the restart monitor told
		l := named()
		l.monitored, l.Task = false, Task{Status: TaskStopped, ExitCode: 143}
		moved(l)
	case "delete": // delete NAME: the container goes, by hand
		delete(s.h.containers, named().ID)
	case "untag": // untag NAME: the record goes, by hand
		delete(s.h.images, f[1])
	case "unplatform": // unplatform NAME: the content goes, by hand
		s.h.images[f[1]].Platforms = []string{}
	case "foreign": // foreign NAME IMAGE STACK?: a container that isn't this stack's
		id := s.w.newID()
		l := &modelled{LiveContainer: LiveContainer{Live: Live{Kind: spec.KindContainer, ID: id, Name: f[1], Seen: "foreign", CreatedAt: s.h.tick()}, Image: f[2], Task: Task{Status: TaskRunning},
			Spec: &spec.Container{Name: f[1], State: spec.StateRunning, NetworkMode: "none", Image: spec.ImageRef{Name: f[2]}}}}
		if len(f) > 3 {
			l.Owner = &Owner{Stack: f[3], Addr: spec.Addr{Kind: spec.KindContainer, Name: f[1]}}
		}
		s.h.containers[id] = l
	case "image": // image NAME DIGEST STACK?: a record that isn't this stack's
		r := &LiveImage{Live: Live{Kind: spec.KindImage, ID: f[1], Seen: "foreign"}, Digest: "sha256:" + f[2], Platforms: []string{"linux/amd64"}}
		if len(f) > 3 {
			r.Owner = &Owner{Stack: f[3], Addr: spec.Addr{Kind: spec.KindImage, Name: "theirs"}}
		}
		s.h.images[f[1]] = r
	default:
		s.t.Fatalf("%s: no such command", line)
	}
}

// make plans a file of the script with flags as on the command line.
func (s *script) make(name string, flags []string) {
	s.t.Helper()
	dir := s.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.fairlead.hcl"), []byte(s.files[name]), 0o644); err != nil {
		s.t.Fatal(err)
	}
	cfg, diags := spec.Load(dir, spec.Inputs{})
	if diags.HasErrors() {
		s.t.Fatalf("%s: %s", name, diags.Errs())
	}
	for ref, pin := range s.lock {
		cfg.Lock[ref] = pin
	}
	o := Options{NewID: s.w.newID}
	for _, f := range flags {
		flag, value, _ := strings.Cut(f, "=")
		a, err := spec.ParseAddr(value)
		switch {
		case flag == "--destroy":
			o.Destroy = true
		case err != nil:
			s.t.Fatal(err)
		case flag == "--target":
			o.Targets = append(o.Targets, a)
		case flag == "--exclude":
			o.Excludes = append(o.Excludes, a)
		case flag == "--replace":
			o.Replaces = append(o.Replaces, a)
		default:
			s.t.Fatalf("no flag %s", flag)
		}
	}
	p, diags := s.h.plan(cfg, o)
	s.plan = p
	checkInvariants(s.t, p, s.h)
	s.out = strings.ReplaceAll(changesText(p)+p.String()+summaryText(p)+diagsText(diags), cfg.Dir+"/", "")
}

func changesText(p *Plan) string {
	var b strings.Builder
	for _, c := range p.Changes {
		at := ""
		if c.Decl != nil {
			at = fmt.Sprintf(" at line %d", c.Decl.Start.Line)
		}
		fmt.Fprintf(&b, "%s %s %s%s: %s\n", c.Action, c.Addr, c.Object, at, strings.Join(c.Reasons, "; "))
		if c.Action != Create {
			for _, d := range c.Diffs {
				fmt.Fprintf(&b, "    %s: %s -> %s (cost %d)\n", d.Path, show(d.Before), show(d.After), d.Cost)
			}
		}
		for _, n := range c.Notes {
			fmt.Fprintf(&b, "    note: %s\n", n)
		}
	}
	return b.String()
}

func summaryText(p *Plan) string {
	var b strings.Builder
	for _, v := range slices.Sorted(maps.Keys(p.Summary.Actions)) {
		fmt.Fprintf(&b, "%d to %s. ", p.Summary.Actions[v], v)
	}
	for _, o := range p.Summary.Outages {
		fmt.Fprintf(&b, "Outage %s %s to %s. ", o.Addr, o.About, o.Until)
	}
	for _, ref := range slices.Sorted(maps.Keys(p.Pins)) {
		fmt.Fprintf(&b, "Pins %s. ", ref)
	}
	if b.Len() == 0 {
		return "nothing to do\n"
	}
	return strings.TrimSpace(b.String()) + "\n"
}

func diagsText(diags hcl.Diagnostics) string {
	var b strings.Builder
	for _, d := range diags {
		at := ""
		if d.Subject != nil {
			at = fmt.Sprintf(" at line %d", d.Subject.Start.Line)
		}
		fmt.Fprintf(&b, "error%s: %s: %s\n", at, d.Summary, d.Detail)
	}
	return b.String()
}
