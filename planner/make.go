package planner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// Make says what must happen so that the host has what is wanted. The plan may be run only if the diagnostics hold no error.
func Make(want *spec.Config, have *State, o Options) (*Plan, hcl.Diagnostics) {
	return newMaker(want, have, o).plan()
}

func (m *maker) plan() (*Plan, hcl.Diagnostics) {
	m.narrow()
	m.match()
	if !m.o.Destroy {
		m.adopt()
	}
	m.checkKeys()
	m.failUnknown()
	if !m.o.Destroy {
		m.decideEmulators()
		m.decide()
	}
	m.sweepContainers()
	m.connectFacts()
	m.sweepImages()
	m.originNotes()
	m.order()
	m.account()
	m.hidePlaceholders()
	return m.finish(), m.diags
}

// maker is a plan in the making.
type maker struct {
	want *spec.Config
	have *State
	o    Options

	blocks   map[spec.Addr]spec.Resource // wanted, by address, as Load gave them
	ordered  []spec.Addr                 // each after what it refers to
	users    map[spec.Addr][]*spec.Container
	known    map[spec.Addr]cty.Value // what references give
	needs    map[spec.Addr][]string  // platforms that builds need of the images that they start from
	before   map[spec.Addr]cty.Value // what they give if all that is made anew comes out as it was
	carried  map[spec.Addr]cty.Value // what they give with placeholders for what only the apply will tell, which is unknown in known
	pending  map[string]bool         // these placeholders
	refused  map[spec.Addr]bool      // what is wrong with the values of these has been said
	scope    scope
	replaces map[spec.Addr]bool

	lives     map[spec.Addr]*lives
	byName    map[string][]*LiveContainer // containers by the name people see
	byImage   map[string][]*LiveContainer // containers by the image record they were made from
	adopted   map[string]spec.Addr        // containers, by ID, and image records, by name, that an import block adopts
	owned     map[spec.Addr][]*LiveImage  // this stack's image records
	lastOwned map[string]string           // by the name of an image record: the digest at which it was last known to be this stack's
	otherKey  []*LiveContainer            // this stack's by the mark of another key
	records   map[string]bool             // names of the image records that something wants

	images     map[spec.Addr]*imageResult
	containers map[spec.Addr]*containerResult
	fates      map[string]*fate  // of live containers, by ID; none: it stays as it is
	moves      map[string]*move  // of image records, by name
	emulators  map[string]*draft // by platform: the step that registers it; nil: it can't be

	leavers   []*leaver
	comers    []*comer
	takers    []taker
	changers  []*leaver                 // containers that are replaced, whose successors may need other things
	outages   map[*Change]time.Duration // of containers that take over from others: how long these take to stop, at most
	relabels  map[string]*draft         // by container ID
	frees     int64
	freesMost bool // of frees: what comes may need some of it

	plain   []cty.Value // see defaults
	works   []*work
	barrier *draft
	drafts  []*draft                  // in their final order
	byBlock map[spec.Addr][]spec.Addr // a block's instances
	pins    spec.Lock
	diags   hcl.Diagnostics
	newID   func() string
}

// work is a change in the making, with its steps.
type work struct {
	change *Change
	steps  []*draft
}

// draft is a step in the making.
type draft struct {
	op     Op
	work   *work
	cause  string
	after  []*draft
	soft   []*draft // gives way where it would close a circle: what live objects said of each other
	undo   []Op
	finish bool
	onlyIf []*draft // passed over unless one of these changed something; none: it runs
	slow   bool     // done before anything that was there is touched
	touch  *Touch   // what was there and is changed by it
	behind bool     // stands behind CheckUnmoved
	id     int
}

// fate is what becomes of a container that is there.
type fate struct {
	leave  *draft // the step after which it no longer runs
	remove *draft
	gone   bool // nothing takes its place
}

// imageResult is what has been decided of an image: what others see of it.
type imageResult struct {
	ok     bool // its digest is known
	name   string
	digest string
	fresh  string   // a clause, where its content changes in this plan: `image.app is pulled anew`
	last   []*draft // slow steps after which containers can be made from it
	later  bool     // digest is a placeholder: only the apply will tell
	was    string   // the digest that it has until then; "": none
	makes  []*draft // the step that makes it anew
}

// containerResult is what has been decided of a container.
type containerResult struct {
	id      string   // where it may be left alone: what stands for the ID until that is known
	created *draft   // nil: it was there
	ready   []*draft // after these it is as its dependents need it
	rise    []*draft // its steps, in order, without its creation; from the stop of the one before it, if that comes first
	tries   []*draft // those of them that can fail by its own fault
	verb    string   // of its change; "" for none
	unless  []*draft // where not empty: it is left alone unless one of these changes something
}

func newMaker(want *spec.Config, have *State, o Options) *maker {
	m := &maker{
		want: want, have: have, o: o,
		blocks: map[spec.Addr]spec.Resource{}, users: map[spec.Addr][]*spec.Container{}, known: map[spec.Addr]cty.Value{},
		lives: map[spec.Addr]*lives{}, byName: map[string][]*LiveContainer{}, byImage: map[string][]*LiveContainer{},
		adopted: map[string]spec.Addr{}, records: map[string]bool{}, lastOwned: map[string]string{}, owned: map[spec.Addr][]*LiveImage{},
		images: map[spec.Addr]*imageResult{}, containers: map[spec.Addr]*containerResult{},
		fates: map[string]*fate{}, moves: map[string]*move{}, emulators: map[string]*draft{}, before: map[spec.Addr]cty.Value{}, carried: map[spec.Addr]cty.Value{}, needs: map[spec.Addr][]string{}, pending: map[string]bool{}, refused: map[spec.Addr]bool{}, relabels: map[string]*draft{}, outages: map[*Change]time.Duration{}, pins: spec.Lock{},
		newID: o.NewID,
	}
	if m.newID == nil {
		n := 0
		m.newID = func() string { n++; return fmt.Sprintf("%064x", n) }
	}
	for _, im := range want.Images {
		m.blocks[im.Addr] = im
		if src := have.Sources[SourceKey(im)]; src != nil {
			for _, b := range src.Bases {
				m.needs[b.Image] = append(m.needs[b.Image], b.Needs...)
			}
		}
	}
	for _, c := range want.Containers {
		m.blocks[c.Addr] = c
		m.users[c.Image.Addr] = append(m.users[c.Image.Addr], c)
	}
	m.ordered = want.Order
	if len(m.ordered) == 0 || slices.ContainsFunc(want.Images, func(im *spec.Image) bool { return im.Build != nil }) {
		m.ordered = m.orderOf(m.ordered)
	}
	return m
}

// orderOf puts the resources into an order in which each comes after what it needs, also where only a Dockerfile says so. Otherwise
// they stay in the order that is given.
func (m *maker) orderOf(given []spec.Addr) []spec.Addr {
	var out []spec.Addr
	seen := map[spec.Addr]bool{}
	var visit func(a spec.Addr)
	visit = func(a spec.Addr) {
		r := m.blocks[a]
		if r == nil || seen[a] {
			return
		}
		seen[a] = true
		for _, to := range m.refs(r) {
			visit(to)
		}
		out = append(out, a)
	}
	for _, a := range given {
		visit(a)
	}
	for _, im := range m.want.Images {
		visit(im.Addr)
	}
	for _, c := range m.want.Containers {
		visit(c.Addr)
	}
	return out
}

// decide goes through what is wanted in reference order, so that each resource sees what was decided of those it refers to.
func (m *maker) decide() {
	for _, im := range m.want.Images {
		m.records[im.Name] = true
		for _, t := range im.Tags {
			m.records[t] = true
		}
	}
	for _, a := range m.ordered {
		switch r := m.settle(a).(type) {
		case *spec.Image:
			if made(r) {
				m.images[a] = m.decideMade(r)
			} else {
				m.images[a] = m.decideImage(r)
			}
			m.knowImage(r, m.images[a])
		case *spec.Container:
			res := m.decideContainer(r)
			m.containers[a] = res
			m.knowContainer(r, res)
		}
	}
}

// settle gives a resource as evaluated with what is known by now.
func (m *maker) settle(a spec.Addr) spec.Resource {
	r := m.blocks[a]
	var unknown map[string]bool
	switch r := r.(type) {
	case *spec.Image:
		unknown = r.Marks.Unknown
	case *spec.Container:
		unknown = r.Marks.Unknown
	}
	if len(unknown) == 0 {
		return r
	}
	settled, diags := m.want.Settle(a, m.known, m.carried)
	if m.scope.has(a) {
		m.diags = append(m.diags, diags...)
	}
	if settled == nil || diags.HasErrors() {
		m.refused[a] = true
		return r
	}
	return settled
}

// imageValue is what references to an image give. It must be the same before and after the apply that brings the image, so what
// the lock file says comes first.
func (m *maker) imageValue(im *spec.Image, digest string) cty.Value {
	ps := m.platformsOf(im)
	if made(im) {
		ps = m.madeFor(im)
	}
	if m.pending[digest] {
		return spec.ImageValue(im.Name, digest, -1, ps)
	}
	return spec.ImageValue(im.Name, digest, m.sizeOf(im, ps), ps)
}

func (m *maker) sizeOf(im *spec.Image, platforms []string) int64 {
	var places []map[string]int64
	if pin, ok := m.want.Lock[im.Pull]; ok && im.Pull != "" {
		places = append(places, pin.Platforms)
	}
	if s := m.have.Sources[SourceKey(im)]; s != nil {
		places = append(places, s.Platforms)
	}
	if rec := m.have.Images[im.Name]; rec != nil {
		places = append(places, rec.Sizes)
	}
	for _, sizes := range places {
		if n, ok := sum(sizes, platforms); ok {
			return n
		}
	}
	return -1
}

// sum adds the sizes of platforms; false if one of them isn't known.
func sum(sizes map[string]int64, platforms []string) (int64, bool) {
	var n int64
	for _, p := range platforms {
		size, ok := sizes[p]
		if !ok {
			return 0, false
		}
		n += size
	}
	return n, true
}

// add makes a change. Its reasons are filled before its steps are.
func (m *maker) add(a spec.Addr, action Action, verb string, decl *hcl.Range, reasons ...string) *work {
	w := &work{change: &Change{Addr: a, Action: action, Verb: verb, Reasons: reasons, Decl: decl}}
	m.works = append(m.works, w)
	return w
}

// step adds a step to a change, after the given ones. Its cause is the change's first reason.
func (w *work) step(op Op, after ...*draft) *draft {
	d := &draft{op: op, work: w}
	if len(w.change.Reasons) > 0 {
		d.cause = w.change.Reasons[0]
	}
	switch op.(type) {
	case *PullImage, *LoadImage, *BuildImage, *ImportImage, *RegisterEmulator, *TagImage, *CreateContainer:
		d.slow = true
	}
	d.wait(after...)
	w.steps = append(w.steps, d)
	return d
}

func (d *draft) wait(after ...*draft) {
	for _, a := range after {
		if a != nil && a != d {
			d.after = append(d.after, a)
		}
	}
}

func (d *draft) touches(t Touch) *draft {
	d.touch = &t
	return d
}

func touchContainer(l *LiveContainer) Touch {
	return Touch{Kind: spec.KindContainer, ID: l.ID, Name: orElse(l.Name, short(l.ID)), Seen: l.Seen}
}

func touchImage(r *LiveImage) Touch {
	return Touch{Kind: spec.KindImage, ID: r.Name, Name: familiar(r.Name), Seen: r.Seen}
}

func (m *maker) fail(ds ...*hcl.Diagnostic) { m.diags = append(m.diags, ds...) }

// own is the mark of an address of this stack.
func (m *maker) own(a spec.Addr) Owner { return Owner{Stack: m.want.Stack.Name, Addr: a} }

// ours tells whether an object is this stack's.
func (m *maker) ours(o *Owner) bool { return o != nil && o.Stack == m.want.Stack.Name }

func (m *maker) decl(a spec.Addr) *hcl.Range {
	r := m.blocks[a]
	if r == nil || r.Decl().Filename == "" {
		return nil
	}
	at := r.Decl()
	return &at
}

func (m *maker) at(a spec.Addr, name string) hcl.Range {
	if r := m.blocks[a]; r != nil {
		return r.AttrAt(name)
	}
	return hcl.Range{}
}

// splitDigest gives both halves of an image name with a digest.
func splitDigest(ref string) (name, digest string) {
	name, digest, _ = strings.Cut(ref, "@")
	return name, digest
}
