package planner

// Expect writes into an op that changes an image record the digest that the record has now, so that a run changes no other one: "" where
// there is none.
func Expect(op Op, images map[string]*LiveImage) {
	var name string
	var before *string
	switch op := op.(type) {
	case *PullImage:
		name, before = op.Name, &op.Before
	case *LoadImage:
		name, before = op.Name, &op.Before
	case *BuildImage:
		name, before = op.Name, &op.Before
	case *ImportImage:
		name, before = op.Name, &op.Before
	case *TagImage:
		name, before = op.Name, &op.Before
	case *RelabelImage:
		name, before = op.Name, &op.Before
	case *UntagImage:
		name, before = op.Name, &op.Before
	default:
		return
	}
	if rec := images[name]; rec != nil {
		*before = rec.Digest
	}
}
