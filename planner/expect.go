package planner

// Expect writes into an op that changes an image record the digest that the record has now, so that a run changes no other one: "" where
// there is none.
func Expect(op Op, images map[string]*LiveImage) {
	r := RowOf(op)
	if rec := images[r.ObjectID(op)]; rec != nil {
		r.set(op, roleBefore, rec.Digest)
	}
}
