package spec

import (
	"regexp"

	"github.com/hashicorp/hcl/v2"
)

// otherWords are attributes and blocks that other tools' files have for a container, and what they are here.
var otherWords = map[string]string{
	"deploy":      `It is count or for_each here, for several instances, and the block update.`,
	"environment": `It is env here, as in env = { NAME = "value" }.`,
	"healthcheck": `Checks of health come in a later version; ready says what apply waits for.`,
	"ports":       `Published ports come in a later version; with network_mode = "host" the process listens on the host's own.`,
	"volumes":     `It is the block mount here, as in mount with its bind and target; named volumes come in a later version.`,
}

var notExpected = regexp.MustCompile(`^(?:An argument named|Blocks of type) "([^"]*)" (?:is|are) not expected here\.`)

// withOtherWords adds to what a container's block doesn't know what it is here.
func withOtherWords(diags hcl.Diagnostics) hcl.Diagnostics {
	for i, d := range diags {
		m := notExpected.FindStringSubmatch(d.Detail)
		if m == nil || otherWords[m[1]] == "" {
			continue
		}
		y := *d
		y.Detail = m[0] + " " + otherWords[m[1]]
		diags[i] = &y
	}
	return diags
}
