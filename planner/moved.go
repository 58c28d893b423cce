package planner

import "fmt"

// noteOwnNames notes the image names that were the stack's own when a container was created from them, with the digest that they had. The
// newest container decides.
func (pb *planBuilder) noteOwnNames(l *LiveContainer) {
	for _, n := range l.OwnNames {
		if pb.ours(l.Owner) && l.Digest != "" && pb.lastOwned[n] == "" {
			pb.lastOwned[n] = l.Digest
		}
	}
}

// noteTags notes the same for the names that a record of the stack names as tags of the same image.
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

// movedOutside tells what another tool did to a record that was the stack's own when it was last applied: nerdctl and ctr drop fairlead's
// labels when they move a record. It is "" for a record that the stack didn't own, still owns, or that another stack owns.
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
