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
	s := staleness{have: have, known: map[string]bool{}, records: map[string]bool{}}
	s.index()
	for _, t := range p.Touches {
		s.touched(t)
	}
	for _, st := range p.Steps {
		s.known[containerOf(st.Op)] = true // that were there are touched, the others are created
	}
	for _, st := range p.Steps {
		s.step(st)
	}
	slices.SortStableFunc(s.out, func(a, b *hcl.Diagnostic) int { return strings.Compare(a.Detail, b.Detail) })
	return s.out
}

type staleness struct {
	have    *State
	known   map[string]bool // container IDs that the plan knows of
	records map[string]bool // image records that the plan knows of
	byID    map[string]*LiveContainer
	byName  map[string][]*LiveContainer
	byImage map[string][]*LiveContainer
	byAddr  map[Owner][]*LiveContainer
	said    map[string]bool
	out     hcl.Diagnostics
}

func (s *staleness) index() {
	s.byID, s.byName = map[string]*LiveContainer{}, map[string][]*LiveContainer{}
	s.byImage, s.byAddr = map[string][]*LiveContainer{}, map[Owner][]*LiveContainer{}
	s.said = map[string]bool{}
	for _, l := range s.have.Containers {
		s.byID[l.ID] = l
		if l.Name != "" {
			s.byName[l.Name] = append(s.byName[l.Name], l)
		}
		s.byImage[l.Image] = append(s.byImage[l.Image], l)
		if l.Owner != nil {
			s.byAddr[*l.Owner] = append(s.byAddr[*l.Owner], l)
		}
	}
}

func (s *staleness) say(kind spec.Kind, id, name, why string) {
	if key := string(kind) + "\x00" + id; !s.said[key] {
		s.said[key] = true
		s.out = append(s.out, fault(hcl.Range{}, "Plan is stale", "The %s %s: %s. Plan again.", kind, name, why))
	}
}

// touched compares one object with what the plan saw of it.
func (s *staleness) touched(t Touch) {
	seen, there := "", false
	if t.Kind == spec.KindImage {
		s.records[t.ID] = true
		if r := s.have.Images[t.ID]; r != nil {
			seen, there = r.Seen, true
		}
	} else {
		s.known[t.ID] = true
		if l := s.byID[t.ID]; l != nil {
			seen, there = l.Seen, true
			if l.Task.Status == TaskUnknown && l.Owner != nil {
				s.out = append(s.out, unknownState(nil, l.Owner.Addr, l.Header(), l.Task.Trouble))
				return
			}
		}
	}
	name := t.Name
	if t.Kind == spec.KindContainer {
		name += " (" + short(t.ID) + ")"
	}
	switch {
	case !there && t.Seen != "":
		s.say(t.Kind, t.ID, name, "it is gone")
	case there && t.Seen == "":
		s.say(t.Kind, t.ID, name, "it was not there when the plan was made")
	case seen != t.Seen:
		s.say(t.Kind, t.ID, name, "it changed since the plan was made")
	}
}

const came = "it was not there when the plan was made"

// step looks for objects that came since where the plan makes or takes away something.
func (s *staleness) step(st *Step) {
	row := RowOf(st.Op)
	if name := row.ObjectID(st.Op); row.Kind == spec.KindImage && row.Phase == PhasePrepare {
		if r := s.have.Images[name]; r != nil && !s.records[name] {
			s.say(spec.KindImage, name, familiar(name), came)
		}
	}
	if op, ok := st.Op.(interface{ checkStale(*staleness) }); ok {
		op.checkStale(s)
	}
}

func (op *CreateContainer) checkStale(s *staleness) {
	if l := s.byID[op.ID]; l != nil {
		s.say(spec.KindContainer, op.ID, l.title(), "the plan has been applied already, at least in part")
	}
	s.unexpected(s.byAddr[op.Owner], came)
	s.unexpected(s.byName[op.Want.Name], came)
}

func (op *UntagImage) checkStale(s *staleness) {
	s.unexpected(s.byImage[op.Name], "it uses the image "+familiar(op.Name)+", which the plan untags, and "+came)
}

// unexpected says which containers the plan doesn't know of.
func (s *staleness) unexpected(ls []*LiveContainer, why string) {
	for _, l := range ls {
		if !s.known[l.ID] {
			s.say(spec.KindContainer, l.ID, l.title(), why)
		}
	}
}
