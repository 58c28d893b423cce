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
func Make(want *spec.Config, have *State, sources *Sources, o Options) (*Plan, hcl.Diagnostics) {
	return newPlanBuilder(want, have, sources, o).plan()
}

func (pb *planBuilder) plan() (*Plan, hcl.Diagnostics) {
	pb.setScope()
	pb.match()
	if !pb.o.Destroy {
		pb.adopt()
	}
	pb.checkKeys()
	pb.failUnknown()
	if !pb.o.Destroy {
		pb.decideEmulators()
		pb.decide()
	}
	pb.removeOrphans()
	pb.connectFacts()
	pb.untagOrphans()
	pb.originNotes()
	pb.order()
	pb.countFreedBytes()
	pb.hidePlaceholders()
	return pb.assemble(), pb.diags
}

// planBuilder is a plan in the making.
type planBuilder struct {
	want    *spec.Config
	have    *State
	sources *Sources
	o       Options

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

	generations map[spec.Addr]*generations
	byName      map[string][]*LiveContainer // containers by the name people see
	byImage     map[string][]*LiveContainer // containers by the image record they were made from
	adopted     map[string]spec.Addr        // containers, by ID, and image records, by name, that an import block adopts
	owned       map[spec.Addr][]*LiveImage  // this stack's image records
	lastOwned   map[string]string           // by the name of an image record: the digest at which it was last known to be this stack's
	otherKey    []*LiveContainer            // this stack's by the mark of another key
	records     map[string]bool             // names of the image records that something wants

	images       map[spec.Addr]*imageResult
	containers   map[spec.Addr]*containerResult
	dispositions map[string]*disposition // of live containers, by ID; none: it stays as it is
	moves        map[string]*move        // of image records, by name
	emulators    map[string]*stepDraft   // by platform: the step that registers it; nil: it can't be

	leavers   []*leaver
	comers    []*comer
	takers    []taker
	changers  []*leaver                 // containers that are replaced, whose successors may need other things
	outages   map[*Change]time.Duration // of containers that take over from others: how long these take to stop, at most
	relabels  map[string]*stepDraft     // by container ID
	frees     int64
	freesMost bool // of frees: what comes may need some of it

	defaultRows []cty.Value // see defaults
	changes     []*changeDraft
	barrier     *stepDraft
	steps       []*stepDraft              // in their final order
	byBlock     map[spec.Addr][]spec.Addr // a block's instances
	pins        spec.Lock
	diags       hcl.Diagnostics
	newID       func() string
}

// changeDraft is a change in the making, with its steps.
type changeDraft struct {
	change *Change
	steps  []*stepDraft
}

// stepDraft is a step in the making.
type stepDraft struct {
	op              Op
	phase           Phase
	change          *changeDraft
	cause           string
	after           []*stepDraft
	weak            []*stepDraft // gives way where it would close a circle: what live objects said of each other
	undo            []Op
	uninterruptible bool
	onlyIf          []*stepDraft // passed over unless one of these changed something; none: it runs
	touch           *Touch       // what was there and is changed by it
	afterCheck      bool         // stands behind CheckUnmoved
	id              int
}

// disposition is what becomes of a container that is there.
type disposition struct {
	stopped *stepDraft // the step after which it no longer runs
	removed *stepDraft
	gone    bool // nothing takes its place
}

// imageResult is what has been decided of an image: what others see of it.
type imageResult struct {
	ok            bool // its digest is known
	name          string
	digest        string
	fresh         string       // a clause, where its content changes in this plan: `image.app is pulled anew`
	last          []*stepDraft // slow steps after which containers can be made from it
	digestPending bool         // digest is a placeholder: only the apply will tell
	was           string       // the digest that it has until then; "": none
	buildSteps    []*stepDraft // the step that makes it anew
}

// containerResult is what has been decided of a container.
type containerResult struct {
	id      string       // where it may be left alone: what stands for the ID until that is known
	created *stepDraft   // nil: it was there
	ready   []*stepDraft // after these it is as its dependents need it
	rise    []*stepDraft // its steps, in order, without its creation; from the stop of the one before it, if that comes first
	tries   []*stepDraft // those of them that can fail by its own fault
	verb    string       // of its change; "" for none
	unless  []*stepDraft // where not empty: it is left alone unless one of these changes something
}

func newPlanBuilder(want *spec.Config, have *State, sources *Sources, o Options) *planBuilder {
	pb := &planBuilder{
		want: want, have: have, sources: sources, o: o,
		blocks: map[spec.Addr]spec.Resource{}, users: map[spec.Addr][]*spec.Container{}, known: map[spec.Addr]cty.Value{},
		generations: map[spec.Addr]*generations{}, byName: map[string][]*LiveContainer{}, byImage: map[string][]*LiveContainer{},
		adopted: map[string]spec.Addr{}, records: map[string]bool{}, lastOwned: map[string]string{}, owned: map[spec.Addr][]*LiveImage{},
		images: map[spec.Addr]*imageResult{}, containers: map[spec.Addr]*containerResult{},
		dispositions: map[string]*disposition{}, moves: map[string]*move{}, emulators: map[string]*stepDraft{}, before: map[spec.Addr]cty.Value{}, carried: map[spec.Addr]cty.Value{}, needs: map[spec.Addr][]string{}, pending: map[string]bool{}, refused: map[spec.Addr]bool{}, relabels: map[string]*stepDraft{}, outages: map[*Change]time.Duration{}, pins: spec.Lock{},
		newID: o.NewID,
	}
	if pb.newID == nil {
		n := 0
		pb.newID = func() string { n++; return fmt.Sprintf("%064x", n) }
	}
	for _, im := range want.Images {
		pb.blocks[im.Addr] = im
		if src := sources.Of(im); src != nil {
			for _, b := range src.Bases {
				pb.needs[b.Image] = append(pb.needs[b.Image], b.Needs...)
			}
		}
	}
	for _, c := range want.Containers {
		pb.blocks[c.Addr] = c
		pb.users[c.Image.Addr] = append(pb.users[c.Image.Addr], c)
	}
	pb.ordered = want.Order
	if len(pb.ordered) == 0 || slices.ContainsFunc(want.Images, func(im *spec.Image) bool { return im.Build != nil }) {
		pb.ordered = pb.orderOf(pb.ordered)
	}
	return pb
}

// orderOf puts the resources into an order in which each comes after what it needs, also where only a Dockerfile says so. Otherwise
// they stay in the order that is given.
func (pb *planBuilder) orderOf(given []spec.Addr) []spec.Addr {
	var out []spec.Addr
	seen := map[spec.Addr]bool{}
	var visit func(a spec.Addr)
	visit = func(a spec.Addr) {
		r := pb.blocks[a]
		if r == nil || seen[a] {
			return
		}
		seen[a] = true
		for _, to := range pb.refs(r) {
			visit(to)
		}
		out = append(out, a)
	}
	for _, a := range given {
		visit(a)
	}
	for _, im := range pb.want.Images {
		visit(im.Addr)
	}
	for _, c := range pb.want.Containers {
		visit(c.Addr)
	}
	return out
}

// decide goes through what is wanted in reference order, so that each resource sees what was decided of those it refers to.
func (pb *planBuilder) decide() {
	for _, im := range pb.want.Images {
		pb.records[im.Name] = true
		for _, t := range im.Tags {
			pb.records[t] = true
		}
	}
	for _, a := range pb.ordered {
		switch r := pb.reevaluate(a).(type) {
		case *spec.Image:
			if builtHere(r) {
				pb.images[a] = pb.decideBuilt(r)
			} else {
				pb.images[a] = pb.decideImage(r)
			}
			pb.knowImage(r, pb.images[a])
		case *spec.Container:
			res := pb.decideContainer(r)
			pb.containers[a] = res
			pb.knowContainer(r, res)
		}
	}
}

// reevaluate gives a resource as evaluated with what is known by now.
func (pb *planBuilder) reevaluate(a spec.Addr) spec.Resource {
	r := pb.blocks[a]
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
	settled, diags := pb.want.Reevaluate(a, pb.known, pb.carried)
	if pb.scope.has(a) {
		pb.diags = append(pb.diags, diags...)
	}
	if settled == nil || diags.HasErrors() {
		pb.refused[a] = true
		return r
	}
	return settled
}

// imageValue is what references to an image give. It must be the same before and after the apply that brings the image, so what
// the lock file says comes first.
func (pb *planBuilder) imageValue(im *spec.Image, digest string) cty.Value {
	ps := pb.platformsOf(im)
	if builtHere(im) {
		ps = pb.buildPlatforms(im)
	}
	if pb.pending[digest] {
		return spec.ImageValue(im.Name, digest, -1, ps)
	}
	return spec.ImageValue(im.Name, digest, pb.sizeOf(im, ps), ps)
}

func (pb *planBuilder) sizeOf(im *spec.Image, platforms []string) int64 {
	var places []map[string]int64
	if pin, ok := pb.want.Lock[im.Pull]; ok && im.Pull != "" {
		places = append(places, pin.Platforms)
	}
	if s := pb.sources.Of(im); s != nil {
		places = append(places, s.Platforms)
	}
	if rec := pb.have.Images[im.Name]; rec != nil {
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
func (pb *planBuilder) add(a spec.Addr, action Action, verb string, decl *hcl.Range, reasons ...string) *changeDraft {
	w := &changeDraft{change: &Change{Addr: a, Action: action, Verb: verb, Reasons: reasons, Decl: decl}}
	pb.changes = append(pb.changes, w)
	return w
}

// step adds a step to a change, after the given ones. Its cause is the change's first reason.
func (w *changeDraft) step(op Op, after ...*stepDraft) *stepDraft {
	d := &stepDraft{op: op, phase: RowOf(op).Phase, change: w}
	if len(w.change.Reasons) > 0 {
		d.cause = w.change.Reasons[0]
	}
	d.wait(after...)
	w.steps = append(w.steps, d)
	return d
}

func (d *stepDraft) wait(after ...*stepDraft) {
	for _, a := range after {
		if a != nil && a != d {
			d.after = append(d.after, a)
		}
	}
}

func (d *stepDraft) touches(t Touch) *stepDraft {
	d.touch = &t
	return d
}

func touchContainer(l *LiveContainer) Touch {
	return Touch{Kind: spec.KindContainer, ID: l.ID, Name: orElse(l.Name, short(l.ID)), Seen: l.Seen}
}

func touchImage(r *LiveImage) Touch {
	return Touch{Kind: spec.KindImage, ID: r.ID, Name: familiar(r.ID), Seen: r.Seen}
}

func (pb *planBuilder) fail(ds ...*hcl.Diagnostic) { pb.diags = append(pb.diags, ds...) }

// ownerOf is the mark of an address of this stack.
func (pb *planBuilder) ownerOf(a spec.Addr) Owner { return Owner{Stack: pb.want.Stack.Name, Addr: a} }

// ours tells whether an object is this stack's.
func (pb *planBuilder) ours(o *Owner) bool { return o != nil && o.Stack == pb.want.Stack.Name }

func (pb *planBuilder) declarationOf(a spec.Addr) *hcl.Range {
	r := pb.blocks[a]
	if r == nil || r.Decl().Filename == "" {
		return nil
	}
	at := r.Decl()
	return &at
}

func (pb *planBuilder) rangeOf(a spec.Addr, name string) hcl.Range {
	if r := pb.blocks[a]; r != nil {
		return r.AttrAt(name)
	}
	return hcl.Range{}
}

// splitDigest gives both halves of an image name with a digest.
func splitDigest(ref string) (name, digest string) {
	name, digest, _ = strings.Cut(ref, "@")
	return name, digest
}
