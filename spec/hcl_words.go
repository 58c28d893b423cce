package spec

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// ourWords has the words of HCL's diagnostics that differ from those of fairlead's.
var ourWords = strings.NewReplacer(
	"Unsupported argument", "Unknown attribute",
	"Unsupported block type", "Unknown block",
	"Missing required argument", "Missing attribute",
	"Argument definition required", "Attribute definition required",
	"An argument named", "An attribute named",
	"The argument \"", "The attribute \"",
	"only a single argument", "only a single attribute",
	"to define argument", "to define attribute",
)

var unknownFunction = regexp.MustCompile(`^There is no function named "([^"]*)"\.$`)

var wrongLabels = regexp.MustCompile(`^(Missing .*|Extraneous label) for ([a-z]+)$`)

// withOwnWords calls an attribute an attribute, and offers the function that was meant.
func withOwnWords(d *hcl.Diagnostic) *hcl.Diagnostic {
	y := *d
	y.Summary = ourWords.Replace(y.Summary)
	y.Detail = ourWords.Replace(y.Detail)
	if m := unknownFunction.FindStringSubmatch(y.Detail); m != nil {
		y.Summary = "Unknown function"
		y.Detail += DidYouMean(m[1], append(slices.Sorted(maps.Keys(pure)), hostFunctions...))
	}
	if m := wrongLabels.FindStringSubmatch(y.Summary); m != nil {
		y.Summary = map[bool]string{true: "Missing label", false: "Too many labels"}[strings.HasPrefix(m[1], "Missing")]
		y.Detail = "The block " + m[2] + " takes one label, as in: " + m[2] + ` "name" { … }.`
	}
	return &y
}
