package planner

import "fmt"

// noteOwned notes of a container which names its image had that were the stack's own, at the digest that it was made from. The newest container
// decides.
func (pb *planBuilder) noteOwnNames(l *LiveContainer) {
	for _, n := range l.OwnNames {
		if pb.ours(l.Owner) && l.Digest != "" && pb.lastOwned[n] == "" {
			pb.lastOwned[n] = l.Digest
		}
	}
}

// noteNames notes the same of an image's other names, which stand beside each other on the records of the stack.
func (pb *planBuilder) noteTags(rec *LiveImage) {
	names := rec.Tags
	if rec.TagOf != "" {
		names = append([]string{rec.TagOf}, names...)
	}
	for _, n := range names {
		if pb.lastOwned[n] == "" {
			pb.lastOwned[n] = rec.Digest
		}
	}
}

// movedOutside says what another tool did to a record that was the stack's own when it was last applied: nerdctl and ctr take fairlead's labels
// from a record that they move. "" for what was not, for what still is, and for what another stack has now.
func (pb *planBuilder) movedOutside(rec *LiveImage) string {
	if rec == nil || rec.Owner != nil {
		return ""
	}
	was := pb.lastOwned[rec.ID]
	switch was {
	case "":
		return ""
	case rec.Digest:
		return "its marks were taken away outside fairlead"
	}
	return fmt.Sprintf("it was moved outside fairlead: %s → %s", shortDigest(was), shortDigest(rec.Digest))
}
