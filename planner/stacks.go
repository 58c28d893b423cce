package planner

import (
	"maps"
	"slices"
)

// Stacks are the names of the stacks that own something here, by the mark of any key, sorted.
func (s *State) Stacks() []string {
	names := map[string]bool{}
	note := func(owners ...*Owner) {
		for _, o := range owners {
			if o != nil {
				names[o.Stack] = true
			}
		}
	}
	for _, c := range s.Containers {
		note(c.Owner, c.OtherKey)
	}
	for _, i := range s.Images {
		note(i.Owner)
	}
	return slices.Sorted(maps.Keys(names))
}
