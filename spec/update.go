package spec

import (
	"time"

	"github.com/hashicorp/hcl/v2"
)

// Update says how a container is replaced.
type Update struct {
	Strategy string        `json:"strategy"` // stop-first or start-first
	Within   time.Duration `json:"within"`   // how long the new container may take to become ready
	Rollback bool          `json:"rollback"` // whether the old one comes back if it doesn't
}

var updateSchema = newSchema(schema{optional: []string{"strategy", "within", "rollback"}})

func (d *decoder) update(blocks hcl.Blocks) Update {
	u := Update{Strategy: StopFirst, Within: DefaultWithin, Rollback: true}
	b := d.singleBlock(blocks, "update")
	if b == nil {
		return u
	}
	content := d.split(b.Body, updateSchema)
	u.Strategy, _ = d.oneOfWords(content.Attributes, "strategy", StopFirst, StopFirst, StartFirst)
	u.Within = d.duration(content.Attributes, "within", DefaultWithin)
	u.Rollback = d.boolean(content.Attributes, "rollback", true)
	return u
}
