package planner

import (
	"fmt"
	"sort"

	"github.com/fairlead-dev/fairlead/spec"
)

// StaleObject is one object that is no longer as the plan saw it.
type StaleObject struct {
	Kind spec.Kind
	ID   string // container ID or image name
	Name string // for people
	Why  string // a clause: "it changed since the plan", "it is gone", "it was not there"
}

// String gives the object and what became of it.
func (s StaleObject) String() string { return fmt.Sprintf("%s %s: %s", s.Kind, s.Name, s.Why) }

// Stale says which of the objects that a plan is about are no longer as it saw them, object by object. A plan for which there are
// none can be run verbatim.
func Stale(p *Plan, have *State) []StaleObject {
	s := staleness{have: have, known: map[string]bool{}, records: map[string]bool{}}
	for _, t := range p.Touches {
		s.touched(t)
	}
	for _, st := range p.Steps {
		if op, ok := st.Op.(*CreateContainer); ok {
			s.known[op.ID] = true
		}
	}
	for _, st := range p.Steps {
		s.step(p, st)
	}
	sort.SliceStable(s.out, func(i, j int) bool {
		a, b := s.out[i], s.out[j]
		if a.Kind != b.Kind {
			return a.Kind < b.Kind
		}
		return a.Name < b.Name
	})
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
	out     []StaleObject
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
		s.out = append(s.out, StaleObject{kind, id, name, why})
	}
}

// touched compares one object with what the plan saw of it.
func (s *staleness) touched(t Touch) {
	if s.byID == nil {
		s.index()
	}
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

// step looks for objects that came since where the plan makes or takes away something.
func (s *staleness) step(p *Plan, st *Step) {
	if s.byID == nil {
		s.index()
	}
	const came = "it was not there when the plan was made"
	record := func(name string) {
		if r := s.have.Images[name]; r != nil && !s.records[name] {
			s.say(spec.KindImage, name, familiar(name), came)
		}
	}
	others := func(ls []*LiveContainer, why string) {
		for _, l := range ls {
			if !s.known[l.ID] {
				s.say(spec.KindContainer, l.ID, nameOf(l), why)
			}
		}
	}
	switch op := st.Op.(type) {
	case *PullImage:
		record(op.Name)
	case *LoadImage:
		record(op.Name)
	case *TagImage:
		record(op.Name)
	case *CreateContainer:
		if l := s.byID[op.ID]; l != nil {
			s.say(spec.KindContainer, op.ID, nameOf(l), "the plan has been applied already, at least in part")
		}
		others(s.byAddr[op.Owner], came)
		if op.Want != nil {
			others(s.byName[op.Want.Name], came)
		}
	case *UntagImage:
		others(s.byImage[op.Name], "it uses the image "+familiar(op.Name)+", which the plan untags, and "+came)
	}
}
