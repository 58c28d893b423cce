package spec

import "github.com/hashicorp/hcl/v2"

var securitySchema = newSchema(schema{optional: []string{"seccomp", "no_new_privileges"}})

// Values of security.seccomp.
const (
	SeccompDefault    = "default"
	SeccompUnconfined = "unconfined"
)

// Security says what the kernel refuses a container's process.
type Security struct {
	Seccomp         string `json:"seccomp,omitempty"`           // SeccompDefault or SeccompUnconfined; "" means SeccompDefault, too
	NoNewPrivileges bool   `json:"no_new_privileges,omitempty"` // setuid programs get no other user's rights
}

func (d *decoder) security(blocks hcl.Blocks) Security {
	var s Security
	b := d.singleBlock(blocks, "security")
	if b == nil {
		return s
	}
	content := d.split(b.Body, securitySchema)
	s.Seccomp, _ = d.oneOfWords(content.Attributes, "seccomp", "", SeccompDefault, SeccompUnconfined)
	s.NoNewPrivileges = d.boolean(content.Attributes, "no_new_privileges", false)
	return s
}
