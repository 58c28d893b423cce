package planner

import (
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/fairlead-dev/fairlead/spec"
)

// imageAttrs has what is compared of a record with an image's name, be it the image's own or one of its tags.
var imageAttrs = []attr[LiveImage]{
	{Name: "digest", Cost: Free, // what runs has its own row for the image
		field: attribute(func(r *LiveImage) *string { return &r.Digest }, text),
		Reason: func(before, after cty.Value) string {
			return "digest: " + shortDigest(before.AsString()) + " → " + shortDigest(after.AsString())
		}},
	{Name: "lifecycle", Cost: Relabel,
		field:  block(func(r *LiveImage) *Live { return &r.Live }, imageLifecycleAttrs),
		Reason: func(cty.Value, cty.Value) string { return "prevent_destroy differs" }},
}

var imageLifecycleAttrs = []attr[Live]{
	{Name: "prevent_destroy", Cost: Relabel, field: attribute(func(l *Live) *bool { return &l.Protected }, boolean)},
}

// imagesNotCompared has the attributes of images without a row, and why.
var imagesNotCompared = map[string]string{
	"pull":                   "what it stands for is compared: the digest",
	"load":                   "what is in it is compared: the digest",
	"build":                  "its inputs are compared, see WhyBuild",
	"import":                 "its inputs are compared, see WhyBuild",
	"config":                 "it is among the inputs of an import",
	"platform":               "it is among the inputs of an import",
	"name":                   "it tells which record is compared",
	"tags":                   "each is a record of its own, and is compared as one",
	"push":                   "a registry isn't asked; the record says what was pushed where",
	"lifecycle.precondition": "it is checked while the files are read",
}

// compareRecord compares a live record with what is wanted of it.
func compareRecord(have *LiveImage, im *spec.Image, digest string) []Diff {
	want := &LiveImage{Live: Live{Protected: im.Lifecycle.PreventDestroy}, Digest: digest}
	return compare(imageAttrs, &have.Live, pair[LiveImage]{live: have, want: want}, nil)
}

// addDiffs notes differences of a record, each once: those of an image and of its tags can be the same.
func (c *Change) addDiffs(diffs []Diff) {
	for _, d := range diffs {
		if !slices.ContainsFunc(c.Diffs, func(x Diff) bool { return x.Path == d.Path }) {
			c.Diffs = append(c.Diffs, d)
		}
	}
}
