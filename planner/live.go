package planner

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-dev/fairlead/spec"
)

// Owner is the mark of the stack that made an object.
type Owner struct {
	Stack string    `json:"stack"`
	Addr  spec.Addr `json:"addr"`
}

// Live is what the planner knows of every object on the host, whatever its kind: whose it is, and whether it may go.
type Live struct {
	Kind      spec.Kind `json:"kind,omitzero"`
	ID        string    `json:"id,omitzero"`        // a container's ID, the name of an image record: no two objects of a kind have the same
	Name      string    `json:"name,omitzero"`      // the name people see, from nerdctl's or fairlead's labels; "": its ID is that, or there is none
	Owner     *Owner    `json:"owner,omitzero"`     // nil: not fairlead's
	OtherKey  *Owner    `json:"other_key,omitzero"` // who Owner would be, if the mark were of this host's key; nil where Owner isn't, and for what isn't fairlead's
	Pending   bool      `json:"pending,omitzero"`   // fairlead created it, and it has never been ready
	Protected bool      `json:"protected,omitzero"` // prevent_destroy was set when it was last applied
	Origin    *Origin   `json:"origin,omitzero"`    // where it was last applied from; nil: nobody wrote it down
	Seen      string    `json:"seen,omitzero"`      // changes whenever the object does in a way that matters to a plan
	CreatedAt time.Time `json:"created_at,omitzero"`
}

// Header is l itself: whatever embeds it is a live object.
func (l *Live) Header() *Live { return l }

// LiveObject is an object of any kind on the host.
type LiveObject interface {
	Header() *Live
	clone() LiveObject
}

func (l LiveImage) clone() LiveObject     { return &l }
func (l LiveContainer) clone() LiveObject { return &l }

func liveObjects[T LiveObject](all iter.Seq[T]) []LiveObject {
	var out []LiveObject
	for l := range all {
		out = append(out, l)
	}
	return out
}

// objectKey is what tells objects apart.
type objectKey struct {
	kind spec.Kind
	id   string
}

func (l *Live) key() objectKey { return objectKey{l.Kind, l.ID} }

// shortName is the object's name for people; where it has none, its ID.
func (l *Live) shortName() string { return cmp.Or(l.Name, kindRow(l.Kind).shortID(l.ID)) }

// title is the object's name for people, with its ID where that is another.
func (l *Live) title() string {
	id := kindRow(l.Kind).shortID(l.ID)
	if name := cmp.Or(l.Name, id); name != id {
		return name + " (" + id + ")"
	}
	return id
}

// describe is the object with its kind, for people.
func (l *Live) describe() string { return string(l.Kind) + " " + l.title() }

// touch is the object as the plan saw it.
func (l *Live) touch() Touch {
	return Touch{Kind: l.Kind, ID: l.ID, Name: l.shortName(), Seen: l.Seen}
}

// newestFirst sorts objects by when they were created.
func newestFirst(all []LiveObject) {
	slices.SortFunc(all, func(a, b LiveObject) int {
		x, y := a.Header(), b.Header()
		return cmp.Or(y.CreatedAt.Compare(x.CreatedAt), strings.Compare(x.ID, y.ID))
	})
}

// Stacks are the names of the stacks that own something here, by the mark of any key, sorted.
func (s *State) Stacks() []string {
	names := map[string]bool{}
	for _, k := range resourceKinds {
		for _, o := range k.objects(s) {
			for _, owner := range []*Owner{o.Header().Owner, o.Header().OtherKey} {
				if owner != nil {
					names[owner.Stack] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// ownedBy says who has an object, for an error.
func ownedBy(o *Owner) string {
	if o == nil {
		return "no stack's: it was made by hand, with ctr, nerdctl or another tool"
	}
	return fmt.Sprintf("stack %q's, as %s", o.Stack, o.Addr)
}
