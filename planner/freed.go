package planner

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/fairlead-dev/fairlead/spec"
)

// countFreedBytes says for each record that goes or moves how many bytes of content that frees, what stays, and because of whom. It does
// what containerd's garbage collection does: what no record, lease or label leads to is gone.
func (pb *planBuilder) countFreedBytes() {
	if len(pb.moves) == 0 || pb.have.Blobs == nil {
		return
	}
	before := newReach(pb.have.Blobs)
	after := newReach(pb.have.Blobs)
	for _, d := range slices.Sorted(maps.Keys(pb.have.Blobs)) {
		if pb.have.Blobs[d].Root {
			before.from(d, "")
			after.from(d, "")
		}
	}
	sure := true
	brought := pb.brought()
	bring := func(digest, name string) {
		after.from(digest, name)
		digests, known := brought[digest]
		for _, d := range digests {
			after.from(d, name)
		}
		sure = sure && (known || pb.have.Blobs[digest] != nil)
	}
	for _, name := range slices.Sorted(maps.Keys(pb.have.Images)) {
		before.from(pb.have.Images[name].Digest, name)
		mv := pb.moves[name]
		switch {
		case mv == nil:
			after.from(pb.have.Images[name].Digest, name)
		case mv.to != "":
			bring(mv.to, name)
		}
	}
	for _, a := range pb.ordered {
		if r := pb.decisionOf(a); r.usable && pb.have.Images[r.record] == nil {
			bring(r.identity, r.record)
		}
	}
	counted := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(pb.moves)) {
		mv := pb.moves[name]
		note := pb.freed(pb.have.Images[name].Digest, before, after, counted, sure)
		if strings.HasPrefix(note, nothingFreed) && mv.to != "" {
			continue // another name of the same image has said it all
		}
		mv.work.change.Notes = append(mv.work.change.Notes, note)
	}
}

// brought gives, by digest of an image that was looked up, the digests of what its pull or load will bring or name.
func (pb *planBuilder) brought() map[string][]string {
	out := map[string][]string{}
	for _, im := range spec.Of[*spec.Image](pb.want) {
		src := pb.sources.Of(im)
		if src == nil || src.Contents == nil {
			continue
		}
		all := append(out[src.Digest], src.Contents[""]...)
		for _, p := range pb.platformsToFetch(im, src.Platforms) {
			all = append(all, src.Contents[p]...)
		}
		out[src.Digest] = all
	}
	return out
}

const nothingFreed = "frees nothing"

// freed is the note about one record's old content.
func (pb *planBuilder) freed(digest string, before, after *reach, counted map[string]bool, sure bool) string {
	var bytes int64
	layers := 0
	var by []string
	pb.have.walk(digest, func(d string, b *Blob) {
		if _, was := before.by[d]; !was || counted[d] {
			return
		}
		root, stays := after.by[d]
		if !stays {
			bytes += b.Size
			counted[d] = true
			return
		}
		if len(b.Children) == 0 {
			layers++
			if who := cmp.Or(familiar(root), "a lease or a label"); !slices.Contains(by, who) {
				by = append(by, who)
			}
		}
	})
	pb.frees += bytes
	note := "frees " + Bytes(bytes)
	switch {
	case bytes == 0:
		note = nothingFreed
	case !sure:
		pb.freesMost = true
		note = "frees at most " + Bytes(bytes)
	}
	if layers > 0 {
		slices.Sort(by)
		who := strings.Join(by[:min(len(by), 3)], ", ")
		if len(by) > 3 {
			who += " and " + Count(len(by)-3, "other")
		}
		stay := " stay"
		if layers == 1 {
			stay = " stays"
		}
		note += " (" + Count(layers, "layer") + stay + ", used by " + who + ")"
	}
	return note
}

// walk visits a blob and all that it keeps, each once.
func (s *State) walk(digest string, visit func(string, *Blob)) {
	seen := map[string]bool{digest: true}
	for todo := []string{digest}; len(todo) > 0; {
		d := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		b := s.Blobs[d]
		if b == nil {
			continue
		}
		visit(d, b)
		for _, c := range b.Children {
			if !seen[c] {
				seen[c] = true
				todo = append(todo, c)
			}
		}
	}
}

// reach is what is kept, and by whom first.
type reach struct {
	blobs map[string]*Blob
	by    map[string]string
}

func newReach(blobs map[string]*Blob) *reach { return &reach{blobs: blobs, by: map[string]string{}} }

func (r *reach) from(digest, who string) {
	for todo := []string{digest}; len(todo) > 0; {
		d := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		b := r.blobs[d]
		if _, known := r.by[d]; known || b == nil {
			continue
		}
		r.by[d] = who
		todo = append(todo, b.Children...)
	}
}
