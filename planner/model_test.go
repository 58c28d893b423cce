package planner

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// model is a host in memory that does what the ops say, and no more. It is what the planner's promises are tested against:
// any order that the edges allow, ended at any step, must converge.
type model struct {
	images     map[string]*LiveImage
	containers map[string]*modelled
	sources    map[string]*Source
	runs       []string // more platforms than the host's own
	results    map[string]string
	same       map[int]bool // by step ID: it made what was there
	pending    []string     // the plan's placeholders
	clock      int
}

// modelled is a container as the model keeps it.
type modelled struct {
	LiveContainer
	monitored bool // the restart monitor would start it again
}

func newModel(sources map[string]*Source) *model {
	return &model{images: map[string]*LiveImage{}, containers: map[string]*modelled{}, sources: sources}
}

func (h *model) clone() *model {
	c := &model{images: map[string]*LiveImage{}, containers: map[string]*modelled{}, sources: h.sources, clock: h.clock, runs: slices.Clone(h.runs)}
	for n, r := range h.images {
		x := *r
		x.Pushed = maps.Clone(r.Pushed)
		c.images[n] = &x
	}
	for id, l := range h.containers {
		x := *l
		c.containers[id] = &x
	}
	return c
}

func (h *model) tick() time.Time {
	h.clock++
	return time.Unix(int64(h.clock), 0)
}

// plan reads the model, and makes a plan.
func (h *model) plan(want *spec.Config, o Options) (*Plan, hcl.Diagnostics) {
	have, sources := h.observe(want)
	return Make(want, have, sources, o)
}

// observe reads the model as ctrd reads containerd, and sources reads what the files name.
func (h *model) observe(want *spec.Config) (*State, *Sources) {
	sources := &Sources{Images: map[string]*Source{}}
	s := &State{Namespace: "default", Images: map[string]*LiveImage{}, Blobs: map[string]*Blob{},
		Host: Host{Platform: "linux/amd64", Runs: []string{"linux/amd64"}, Snapshotter: "overlayfs", Snapshotters: []string{"overlayfs"}, Runtimes: []string{spec.DefaultRuntime}}}
	s.Host.Runs = append(s.Host.Runs, h.runs...)
	s.Host.Emulators = map[string]LiveEmulator{"linux/arm64": {Rule: "/usr/lib/binfmt.d/qemu-aarch64.conf"}}
	for _, im := range spec.Of[*spec.Image](want) {
		if builtHere(im) {
			sources.Images[SourceKey(im)] = h.sources[SourceKey(im)]
			if src := h.sources[SourceKey(im)]; src != nil && im.Build != nil {
				x := *src
				if len(im.Build.Args) > 0 || im.Build.Inline != "" {
					x.Inputs = append(slices.Clone(src.Inputs), Input{InputDockerfile, "Dockerfile", im.Build.Inline})
					for _, k := range slices.Sorted(maps.Keys(im.Build.Args)) {
						x.Inputs = append(x.Inputs, Input{InputArg, k, im.Build.Args[k]})
					}
				}
				if rec := h.images[im.Name]; rec != nil {
					x.LastInputs = rec.LastInputs
				}
				sources.Images[SourceKey(im)] = &x
			}
		}
		for _, name := range []string{im.Pull + im.Load, filepath.Base(im.Load)} { // archives are named in scripts as in files
			if src := h.sources[name]; src != nil {
				sources.Images[SourceKey(im)] = src
			}
		}
	}
	for n, r := range h.images {
		x := *r
		x.Pushed = maps.Clone(r.Pushed)
		s.Images[n] = &x
		s.Blobs[r.Digest] = &Blob{Size: 10, Children: []string{r.Digest + "/layer", "base"}}
		s.Blobs[r.Digest+"/layer"] = &Blob{Size: 1000}
		s.Blobs["base"] = &Blob{Size: 100000}
	}
	imported := map[string]bool{}
	for _, im := range want.Imports {
		imported[im.ID] = true
	}
	for _, l := range h.containers {
		x := l.LiveContainer
		if x.Owner == nil && !imported[x.Name] {
			x.Spec = nil
		}
		if x.Spec != nil {
			sp := *x.Spec
			if sp.State == spec.StateRunning && !l.monitored && sp.Restart.Policy != "" {
				sp.Restart = spec.Restart{Policy: spec.RestartNo}
			}
			x.Spec = &sp
		}
		s.Containers = append(s.Containers, &x)
	}
	slices.SortFunc(s.Containers, func(a, b *LiveContainer) int { return strings.Compare(a.ID, b.ID) })
	return s, sources
}

// begin forgets what an earlier apply made.
func (h *model) begin(p *Plan) {
	h.results, h.same, h.pending = map[string]string{}, map[int]bool{}, nil
	for _, s := range p.Steps {
		switch op := s.Op.(type) {
		case *BuildImage:
			h.pending = append(h.pending, op.Result)
		case *ImportImage:
			h.pending = append(h.pending, op.Result)
		}
	}
}

// filled says which placeholder an op still holds when it is run, but for that of its own result.
func (h *model) filled(op Op) error {
	own := ""
	switch op := op.(type) {
	case *BuildImage:
		own = op.Result
	case *ImportImage:
		own = op.Result
	}
	b, err := encodeOp(op)
	if err != nil {
		return err
	}
	for _, p := range h.pending {
		if n := strings.Count(string(b.Op), p); n > 1 || n == 1 && p != own {
			return fmt.Errorf("%T: it holds %s, which is not known yet", op, p)
		}
	}
	return nil
}

// passesOver tells whether a step is not run, because nothing that it depends on changed.
func (h *model) passesOver(s *Step) bool {
	return len(s.If) > 0 && !slices.ContainsFunc(s.If, func(id int) bool { return !h.same[id] })
}

// step does what the executor does with one step.
func (h *model) step(s *Step) error {
	if h.passesOver(s) {
		h.same[s.ID] = true
		if placeholder, is := PassedOver(s.Op); is != "" {
			h.results[placeholder] = is
		}
		return nil
	}
	op, err := WithResults(s.Op, h.results)
	if err != nil {
		return err
	}
	if err := h.filled(op); err != nil {
		return err
	}
	if err := h.run(op); err != nil {
		return err
	}
	switch op := op.(type) {
	case *BuildImage:
		h.same[s.ID] = h.images[op.Name].Digest == op.Was
	case *ImportImage:
		h.same[s.ID] = h.images[op.Name].Digest == op.Was
	}
	return nil
}

// run does one op, or says why it can't be done.
func (h *model) run(op Op) error {
	seen := fmt.Sprint(h.tick().Unix())
	switch op := op.(type) {
	case *PullImage:
		return h.record(op.Name, op.Digest, op.Owner, op.Protect, op.Platforms, "", seen)
	case *LoadImage:
		return h.record(op.Name, op.Digest, op.Owner, op.Protect, op.Platforms, op.Fingerprint, seen)
	case *BuildImage:
		return h.makes(op.Name, op.Inputs, op.Result, op.Owner, op.Protect, op.Platforms, seen)
	case *ImportImage:
		return h.makes(op.Name, op.Inputs, op.Result, op.Owner, op.Protect, []string{"linux/amd64"}, seen)
	case *RegisterEmulator:
		h.runs = append(h.runs, op.Platform)
		return nil
	case *TagImage:
		from := h.images[op.From]
		if from == nil || from.Digest != op.Digest {
			return fmt.Errorf("tag %s: %s is not %s", op.Name, op.From, op.Digest)
		}
		return h.record(op.Name, op.Digest, op.Owner, op.Protect, from.Platforms, "", seen)
	case *PushImage:
		r := h.images[op.Name]
		if r == nil || r.Digest != op.Digest {
			return fmt.Errorf("push %s: it is not %s", op.Name, op.Digest)
		}
		if r.Pushed == nil {
			r.Pushed = map[string]string{}
		}
		r.Pushed[op.To], r.Seen = op.Digest, seen
		return nil
	case *RelabelImage:
		r := h.images[op.Name]
		if r == nil {
			return fmt.Errorf("relabel %s: it is not there", op.Name)
		}
		owner := op.Owner
		r.Owner, r.Protected, r.Seen = &owner, op.Protect, seen
		return nil
	case *UntagImage:
		r := h.images[op.Name]
		if r == nil {
			return fmt.Errorf("untag %s: it is not there", op.Name)
		}
		for _, l := range h.containers {
			if l.Image == op.Name {
				return fmt.Errorf("untag %s: %s uses it", op.Name, l.Name)
			}
		}
		delete(h.images, op.Name)
		return nil
	case *CreateContainer:
		r := h.images[op.Want.Image.Name]
		if r == nil || r.Digest != op.Want.Image.Digest {
			return fmt.Errorf("create %s: image %s is not %s", op.Want.Name, op.Want.Image.Name, op.Want.Image.Digest)
		}
		if h.containers[op.ID] != nil {
			return fmt.Errorf("create %s: the ID is taken", op.Want.Name)
		}
		want, owner := *op.Want, op.Owner
		h.containers[op.ID] = &modelled{LiveContainer: LiveContainer{Live: Live{Kind: spec.KindContainer, ID: op.ID, Name: want.Name, Owner: &owner, Pending: true,
			Protected: want.Lifecycle.PreventDestroy, Seen: seen, CreatedAt: h.tick()},
			Image: want.Image.Name, OwnNames: ownNames(r, owner), Digest: want.Image.Digest, Spec: &want}}
		return nil
	case *CheckUnmoved:
		for _, t := range op.Touches {
			if now := h.seen(t); now != t.Seen {
				return fmt.Errorf("%s %s moved: %q, and it was %q", t.Kind, t.Name, now, t.Seen)
			}
		}
		return nil
	}
	l := h.containers[containerOf(op)]
	if l == nil {
		return fmt.Errorf("%T: no container %s", op, short(containerOf(op)))
	}
	l.Seen = seen
	return h.runOn(l, op)
}

func ownNames(r *LiveImage, o Owner) []string {
	if r.Owner == nil || r.Owner.Stack != o.Stack {
		return nil
	}
	return []string{r.ID}
}

func (h *model) seen(t Touch) string {
	if t.Kind == spec.KindImage {
		if r := h.images[t.ID]; r != nil {
			return r.Seen
		}
	} else if l := h.containers[t.ID]; l != nil {
		return l.Seen
	}
	return ""
}

func (h *model) record(name, digest string, o Owner, protect bool, platforms []string, source, seen string) error {
	r := &LiveImage{Live: Live{Kind: spec.KindImage, ID: name, Protected: protect, Seen: seen, Owner: &o}, Digest: digest, Platforms: slices.Clone(platforms), Source: source}
	if old := h.images[name]; old != nil {
		r.Platforms, r.Pushed = append(r.Platforms, old.Platforms...), old.Pushed
		if o == (Owner{}) {
			r.Owner, r.Protected = old.Owner, old.Protected
		}
		if old.Digest != digest {
			r.Platforms = slices.Clone(platforms)
		}
	}
	slices.Sort(r.Platforms)
	r.Platforms = slices.Compact(r.Platforms)
	h.images[name] = r
	return nil
}

// makes builds or imports: the result depends on all inputs but the Dockerfile's comments.
func (h *model) makes(name string, in Inputs, result string, o Owner, protect bool, platforms []string, seen string) error {
	counts := slices.DeleteFunc(slices.Clone(in), func(i Input) bool { return i.Kind == InputDockerfile })
	digest := counts.Digest()
	h.results[result] = digest
	if err := h.record(name, digest, o, protect, platforms, "", seen); err != nil {
		return err
	}
	h.images[name].Inputs, h.images[name].LastInputs = in.Digest(), in
	return nil
}

func (h *model) runOn(l *modelled, op Op) error {
	restarts := l.Spec.Restart.Policy != "" && l.Spec.Restart.Policy != spec.RestartNo
	switch op := op.(type) {
	case *StartTask:
		if l.Task.Up() {
			return fmt.Errorf("start %s: it runs", l.Name)
		}
		for _, o := range h.containers {
			if o != l && o.Task.Up() && o.Name == l.Name && l.Spec.Update.Strategy != spec.StartFirst {
				return fmt.Errorf("start %s: another one of that name runs", l.Name)
			}
		}
		l.Task, l.Completed = Task{Status: TaskRunning}, false
		if restarts && !l.Pending {
			l.monitored = true
		}
	case *AwaitReady:
		if op.Ready == spec.ReadyCompleted {
			if l.Task.Status == TaskNone || l.Task.Status == TaskPaused {
				return fmt.Errorf("await %s: it is %q", l.Name, l.Task.Status)
			}
			l.Task, l.Completed = Task{Status: TaskStopped}, true
		} else if l.Task.Status != TaskRunning {
			return fmt.Errorf("await %s: it is %q", l.Name, l.Task.Status)
		}
		l.Pending = false
		l.monitored = restarts
	case *ClearPending:
		if l.Task.Up() {
			return fmt.Errorf("settle %s: it runs", l.Name)
		}
		l.Pending = false
	case *StopTask:
		l.monitored = false
		if l.Task.Up() {
			l.Task = Task{Status: TaskStopped, ExitCode: 143}
		}
	case *PauseTask:
		if l.Task.Status != TaskRunning {
			return fmt.Errorf("pause %s: it is %q", l.Name, l.Task.Status)
		}
		l.Task.Status, l.monitored = TaskPaused, false
	case *ResumeTask:
		if l.Task.Status != TaskPaused {
			return fmt.Errorf("resume %s: it is %q", l.Name, l.Task.Status)
		}
		l.Task.Status, l.monitored = TaskRunning, restarts && !l.Pending
	case *RelabelContainer:
		if l.Pending {
			return fmt.Errorf("relabel %s: it is pending", l.Name)
		}
		want, owner := *op.Want, op.Owner
		l.Spec, l.Owner, l.Protected, l.Name = &want, &owner, want.Lifecycle.PreventDestroy, want.Name
		l.Image, l.Digest = want.Image.Name, want.Image.Digest
		l.monitored = want.State == spec.StateRunning && want.Restart.Policy != spec.RestartNo
	case *RemoveContainer:
		if l.Task.Up() {
			return fmt.Errorf("remove %s: it runs", l.Name)
		}
		delete(h.containers, l.ID)
	default:
		return fmt.Errorf("the model has no %T", op)
	}
	return nil
}

// text is the model without what may differ between two hosts with the same content: IDs and times.
func (h *model) text() string {
	var out []string
	for _, r := range h.images {
		who := "-"
		if r.Owner != nil {
			who = r.Owner.Stack + "/" + r.Owner.Addr.String()
		}
		out = append(out, fmt.Sprintf("image %s %s %s %v", r.ID, r.Digest, who, r.Protected))
	}
	for _, l := range h.containers {
		who := "-"
		if l.Owner != nil {
			who = l.Owner.Stack + "/" + l.Owner.Addr.String()
		}
		var rows []string
		for i := range containerAttrs {
			if v := containerAttrs[i].Get(l.Spec); !v.IsNull() {
				rows = append(rows, containerAttrs[i].Name+"="+show(v))
			}
		}
		status := l.Task.Status
		if status == TaskNone {
			status = TaskStopped
		}
		done := l.Completed && l.Spec.Ready == spec.ReadyCompleted && l.Spec.State == spec.StateRunning
		out = append(out, fmt.Sprintf("container %s %s pending=%v protected=%v completed=%v monitored=%v %s %s", l.Name, who, l.Pending, l.Protected, done, l.monitored, status, strings.Join(rows, " ")))
	}
	for id, l := range h.containers { // what refers to one by its ID
		for i := range out {
			out[i] = strings.ReplaceAll(out[i], id, "<ID of "+l.Name+">")
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// apply runs a plan in an order that its edges allow, chosen by pick, and stops after n steps (n < 0: never).
func (h *model) apply(p *Plan, n int, pick func(int) int) error {
	done := map[int]bool{}
	h.begin(p)
	for len(done) < len(p.Steps) && n != 0 {
		var ready []*Step
		for _, s := range p.Steps {
			if !done[s.ID] && !slices.ContainsFunc(s.After, func(a int) bool { return !done[a] }) {
				ready = append(ready, s)
			}
		}
		if len(ready) == 0 {
			return fmt.Errorf("nothing can run, and %d of %d steps are done", len(done), len(p.Steps))
		}
		slices.SortFunc(ready, func(a, b *Step) int { return cmp.Compare(a.ID, b.ID) })
		s := ready[pick(len(ready))]
		done[s.ID] = true
		if err := h.step(s); err != nil {
			return fmt.Errorf("step %d: %w", s.ID, err)
		}
		n--
	}
	return nil
}

// containerOf is the ID of the container that an op is about; "" where it is about something else.
func containerOf(op Op) string {
	if r := RowOf(op); r.Kind == spec.KindContainer {
		return r.ObjectID(op)
	}
	return ""
}
