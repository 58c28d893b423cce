package planner

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// Stale says which of the objects that a plan is about are no longer as it saw them, object by object. A plan for which there are
// none can be run verbatim.
func Stale(p *Plan, have *State) hcl.Diagnostics {
	s := staleness{live: map[objectKey]LiveObject{}, byName: map[objectKey][]*Live{}, byOwner: map[Owner][]*Live{}, byImage: map[string][]*Live{},
		known: map[objectKey]bool{}, said: map[objectKey]bool{}}
	for _, k := range resourceKinds {
		for _, o := range k.objects(have) {
			s.index(o)
		}
	}
	for _, t := range p.Touches {
		s.known[objectKey{t.Kind, t.ID}] = true
		s.touched(t)
	}
	for _, st := range p.Steps {
		if row := RowOf(st.Op); row.Is(CreatesObject) {
			s.creates(objectKey{row.Kind, row.ObjectID(st.Op)})
		}
	}
	for _, st := range p.Steps {
		s.step(st)
	}
	slices.SortStableFunc(s.out, func(a, b *hcl.Diagnostic) int { return strings.Compare(a.Detail, b.Detail) })
	return s.out
}

type staleness struct {
	live    map[objectKey]LiveObject
	byName  map[objectKey][]*Live // by the name people see
	byOwner map[Owner][]*Live
	byImage map[string][]*Live // what uses an image's record
	known   map[objectKey]bool // what the plan knows of
	said    map[objectKey]bool
	out     hcl.Diagnostics
}

func (s *staleness) index(o LiveObject) {
	l := o.Header()
	s.live[l.key()] = o
	if l.Name != "" {
		n := objectKey{l.Kind, l.Name}
		s.byName[n] = append(s.byName[n], l)
	}
	if l.Owner != nil {
		s.byOwner[*l.Owner] = append(s.byOwner[*l.Owner], l)
	}
	if user, ok := o.(interface{ imageRecord() string }); ok {
		s.byImage[user.imageRecord()] = append(s.byImage[user.imageRecord()], l)
	}
}

func (s *staleness) say(l *Live, why string) {
	if !s.said[l.key()] {
		s.said[l.key()] = true
		s.out = append(s.out, fault(hcl.Range{}, "Plan is stale", "The %s: %s. Plan again.", l.describe(), why))
	}
}

const cameSince = "it was not there when the plan was made"

// touched compares one object with what the plan saw of it.
func (s *staleness) touched(t Touch) {
	saw := &Live{Kind: t.Kind, ID: t.ID, Name: t.Name}
	o, there := s.live[saw.key()]
	switch {
	case !there && t.Seen != "":
		s.say(saw, "it is gone")
	case !there:
	case s.unknown(o):
	case t.Seen == "":
		s.say(saw, cameSince)
	case o.Header().Seen != t.Seen:
		s.say(saw, "it changed since the plan was made")
	}
}

// unknown tells whether nobody can tell what one of a stack's objects does, and says so.
func (s *staleness) unknown(o LiveObject) bool {
	l, trouble := o.Header(), kindRow(o.Header().Kind).trouble
	if trouble == nil || l.Owner == nil {
		return false
	}
	why, unknown := trouble(o)
	if unknown {
		s.out = append(s.out, unknownState(nil, l.Owner.Addr, l, why))
	}
	return unknown
}

// step looks for objects that came since where the plan makes or takes away something.
func (s *staleness) step(st *Step) {
	row := RowOf(st.Op)
	if o := s.live[objectKey{row.Kind, row.ObjectID(st.Op)}]; o != nil && row.Phase == PhasePrepare {
		s.unexpected(cameSince, o.Header())
	}
	if op, ok := st.Op.(interface{ checkStale(*staleness) }); ok {
		op.checkStale(s)
	}
}

// creates notes an object that the plan creates.
func (s *staleness) creates(k objectKey) {
	if o := s.live[k]; o != nil {
		s.say(o.Header(), "the plan has been applied already, at least in part")
	}
	s.known[k] = true
}

func (op *CreateContainer) checkStale(s *staleness) {
	s.unexpected(cameSince, s.byOwner[op.Owner]...)
	s.unexpected(cameSince, s.byName[objectKey{spec.KindContainer, op.Want.Name}]...)
}

func (op *UntagImage) checkStale(s *staleness) {
	s.unexpected("it uses the image "+familiar(op.Name)+", which the plan untags, and "+cameSince, s.byImage[op.Name]...)
}

// unexpected says which objects the plan doesn't know of.
func (s *staleness) unexpected(why string, ls ...*Live) {
	for _, l := range ls {
		if !s.known[l.key()] {
			s.say(l, why)
		}
	}
}
