package planner

import (
	"fmt"
	"maps"
	"slices"
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
	pb.match()
	pb.setScope()
	if !pb.o.Destroy {
		pb.adopt()
	}
	pb.ownedAddrs = slices.AppendSeq(make([]spec.Addr, 0, len(pb.owned)), maps.Keys(pb.owned))
	slices.SortFunc(pb.ownedAddrs, spec.Addr.Compare)
	pb.checkKeys()
	pb.failUnknown()
	if !pb.o.Destroy {
		pb.decide()
	}
	pb.removeOrphans()
	pb.connectDependents()
	pb.handOver()
	pb.connect()
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

	blocks        map[spec.Addr]spec.Resource     // wanted, by address, as Load gave them
	ordered       []spec.Addr                     // of these, each after what it refers to
	byBlock       map[spec.Addr][]spec.Addr       // a block's instances
	containersOf  map[spec.Addr][]*spec.Container // by the address of their image
	basePlatforms map[spec.Addr][]string          // platforms that builds need of the images that they start from
	wantedRecords map[string]bool                 // names of the image records that the files want
	scope         scope
	replaces      map[spec.Addr]bool // what --replace names

	owned      map[spec.Addr][]LiveObject  // what this stack has, newest first, and what import blocks adopt
	ownedAddrs []spec.Addr                 // of owned, sorted
	adopted    map[objectKey]spec.Addr     // what import blocks adopt
	otherKey   []*Live                     // this stack's by the mark of another key
	byName     map[objectKey][]*Live       // objects by the name people see
	byImage    map[string][]*LiveContainer // containers by the image record that they were created from
	lastOwned  map[string]string           // by the name of an image record: the digest at which it was last known to be this stack's

	decisions    map[spec.Addr]*decision
	values       referenceValues
	placeholders map[string]bool    // that stand in ops for what only the apply will tell
	refused      map[spec.Addr]bool // what is wrong with the values of these has been said

	dispositions map[string]*disposition // of live containers, by ID; none: it stays as it is
	moves        map[string]*move        // of image records, by name
	relabels     map[string]string       // by container ID: the image name that its record will have

	outgoing  []*outgoing
	incoming  []*incoming
	claimants []claimant
	takeovers []*takeover
	outages   map[*Change]time.Duration // of containers that take over from others: how long these take to stop, at most
	frees     int64
	freesMost bool // of frees: what comes may need some of it

	defaults []cty.Value // see containerDefaults

	changes []*changeDraft
	barrier *stepDraft
	steps   []*stepDraft // in their final order
	pins    spec.Lock
	diags   hcl.Diagnostics
	newID   func() string
}

// disposition is what a plan does to a live container.
type disposition struct {
	stopped *stepDraft // the step after which it no longer runs
	removed *stepDraft
	gone    bool // nothing takes its place
}

func newPlanBuilder(want *spec.Config, have *State, sources *Sources, o Options) *planBuilder {
	n := len(want.Resources)
	decided := n
	if o.Destroy { // then nothing is decided but what goes
		decided = 0
	}
	pb := &planBuilder{
		want: want, have: have, sources: sources, o: o,
		blocks: make(map[spec.Addr]spec.Resource, n), containersOf: map[spec.Addr][]*spec.Container{}, basePlatforms: map[spec.Addr][]string{}, wantedRecords: map[string]bool{},
		owned: make(map[spec.Addr][]LiveObject, n), adopted: map[objectKey]spec.Addr{}, byName: make(map[objectKey][]*Live, n), byImage: map[string][]*LiveContainer{},
		lastOwned: map[string]string{}, decisions: make(map[spec.Addr]*decision, decided), placeholders: map[string]bool{}, refused: map[spec.Addr]bool{},
		values:       newReferenceValues(decided),
		dispositions: map[string]*disposition{}, moves: map[string]*move{}, relabels: map[string]string{}, outages: map[*Change]time.Duration{}, pins: spec.Lock{},
		newID: o.NewID,
	}
	if pb.newID == nil {
		n := 0
		pb.newID = func() string { n++; return fmt.Sprintf("%064x", n) }
	}
	for _, r := range want.Resources {
		pb.blocks[r.Header().Addr] = r
	}
	pb.ordered = pb.orderOf(want.Order)
	return pb
}

// orderOf sorts the resources so that each comes after what it needs, also where only a Dockerfile names that. What nothing can refer to comes
// first: others may need it without naming it. Otherwise they keep the given order.
func (pb *planBuilder) orderOf(given []spec.Addr) []spec.Addr {
	var all []spec.Addr
	for a := range pb.blocks {
		if kindRow(a.Kind).value == nil {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, spec.Addr.Compare)
	all = append(all, given...)
	for _, r := range pb.want.Resources {
		all = append(all, r.Header().Addr)
	}
	return spec.SortByReference(all, func(a spec.Addr) []spec.Addr { return pb.refs(pb.blocks[a]) }, nil)
}

// add adds a change. Its reasons must be set before its steps are added.
func (pb *planBuilder) add(a spec.Addr, action Action, verb string, decl *hcl.Range, reasons ...string) *changeDraft {
	w := &changeDraft{change: &Change{Addr: a, Action: action, Verb: verb, Reasons: reasons, Decl: decl}}
	pb.changes = append(pb.changes, w)
	return w
}

func (pb *planBuilder) fail(ds ...*hcl.Diagnostic) { pb.diags = append(pb.diags, ds...) }

// ownerOf is the owner that an object of an address of this stack gets.
func (pb *planBuilder) ownerOf(a spec.Addr) Owner { return Owner{Stack: pb.want.Stack.Name, Addr: a} }

func (pb *planBuilder) declarationOf(a spec.Addr) *hcl.Range {
	r := pb.blocks[a]
	if r == nil || r.Header().DeclAt.Filename == "" {
		return nil
	}
	at := r.Header().DeclAt
	return &at
}

func (pb *planBuilder) rangeOf(a spec.Addr, name string) hcl.Range {
	if r := pb.blocks[a]; r != nil {
		return r.Header().AttrAt(name)
	}
	return hcl.Range{}
}
