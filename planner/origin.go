package planner

import (
	"cmp"
	"fmt"

	"github.com/fairlead-dev/fairlead/spec"
)

// Origin says where a stack is applied from.
type Origin struct {
	Repo string `json:"repo,omitempty"` // remote of the repository, without credentials, "//" and the directory in it; "": none
	Dir  string `json:"dir,omitempty"`  // absolute
	Host string `json:"host,omitempty"`
	User string `json:"user,omitempty"`
}

// sameFiles tells whether two origins have the same files: one directory of one repository, wherever it is checked out, or without a
// repository, one directory of one host.
func (o Origin) sameFiles(x Origin) bool {
	if o.Repo != "" || x.Repo != "" {
		return o.Repo == x.Repo
	}
	return o.Dir == x.Dir && o.Host == x.Host
}

// String is the origin for people.
func (o Origin) String() string {
	return spec.Shown(cmp.Or(o.Repo, o.Dir)) + o.byWhom()
}

func (o Origin) byWhom() string {
	return fmt.Sprintf(" by %s on %s", spec.Shown(cmp.Or(o.User, "somebody")), spec.Shown(cmp.Or(o.Host, "another host")))
}

// originNotes adds a note to each change whose object was last applied from elsewhere, or by somebody else.
func (pb *planBuilder) originNotes() {
	if pb.o.Origin == (Origin{}) {
		return
	}
	for _, w := range pb.changes {
		o := pb.currentOf(w.change.Addr)
		if o == nil || o.Header().Origin == nil {
			continue
		}
		switch was := *o.Header().Origin; {
		case !was.sameFiles(pb.o.Origin):
			w.change.Notes = append(w.change.Notes, "last applied from "+was.String())
		case was.User != pb.o.Origin.User || was.Host != pb.o.Origin.Host:
			w.change.Notes = append(w.change.Notes, "last applied"+was.byWhom())
		}
	}
}

// appliedElsewhere gives where the stack was last applied from, if the plan removes all of its objects and each was applied from other
// files: that looks like two stacks of one name. It is nil otherwise, and where an older version left no origin.
func (pb *planBuilder) appliedElsewhere() *Origin {
	if pb.o.Destroy || pb.o.Origin == (Origin{}) {
		return nil
	}
	var from *Origin
	for _, a := range pb.ownedAddrs {
		if !kindRow(a.Kind).origins {
			continue
		}
		for _, o := range pb.owned[a] {
			l := o.Header()
			f := pb.dispositions[l.ID]
			if f == nil || !f.gone || l.Origin == nil || l.Origin.sameFiles(pb.o.Origin) {
				return nil
			}
			from = l.Origin
		}
	}
	return from
}
