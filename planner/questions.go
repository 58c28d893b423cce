package planner

import (
	"slices"

	"github.com/fairlead-dev/fairlead/spec"
)

// Questions are what a plan must know of the host beyond its first reading, and what only both halves of what is found can tell.
type Questions struct {
	Platforms []string // that RUN instructions run programs of: what runs them here, for Host.Emulators
	Inputs    []string // names of image records: what they were built from, for LiveImage.LastInputs
	Blobs     bool     // what the content store holds, for State.Blobs: the plan says how many bytes it frees
}

// QuestionsOf says what a plan with these options must still know.
func QuestionsOf(want *spec.Config, have *State, sources *Sources, o Options) Questions {
	q := Questions{Blobs: mayFree(want, have, sources, o)}
	for _, src := range sources.Images {
		for _, run := range src.Emulated {
			q.Platforms = append(q.Platforms, run.Platforms...)
		}
	}
	slices.Sort(q.Platforms)
	q.Platforms = slices.Compact(q.Platforms)
	if !o.Destroy || len(o.Excludes) == 0 {
		return q
	}
	for name, rec := range have.Images { // an image that stays keeps those of the stack that it starts from
		if rec.Owner != nil && rec.Owner.Stack == want.Stack.Name && rec.Inputs != "" {
			q.Inputs = append(q.Inputs, name)
		}
	}
	slices.Sort(q.Inputs)
	return q
}

// mayFree tells whether a plan may take content away: it untags or moves a record of this stack.
func mayFree(want *spec.Config, have *State, sources *Sources, o Options) bool {
	wanted, blocks := map[string]string{}, map[spec.Addr]bool{}
	if !o.Destroy {
		for _, im := range spec.Of[*spec.Image](want) {
			blocks[im.Addr] = true
			t, _ := targetOf(want, have, sources, im)
			for _, name := range append([]string{im.Name}, im.Tags...) {
				wanted[name] = t.digest
			}
		}
	}
	adopts := map[string]bool{}
	for _, im := range want.Imports {
		if blocks[im.To] {
			adopts[recordName(im.ID)] = true
		}
	}
	for name, rec := range have.Images {
		if !adopts[name] && (rec.Owner == nil || rec.Owner.Stack != want.Stack.Name) {
			continue
		}
		if digest, ok := wanted[name]; !ok || digest != "" && digest != rec.Digest {
			return true
		}
	}
	return false
}
