package spec

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// No quoted line has a sensitive value that stands in a file, in whichever form, and every line stays where it was.
func TestSensitiveTextIsNotQuoted(t *testing.T) {
	text := `variable "a" {
  sensitive = true
  default   = "hunter2"
}
variable "b" {
  default = { k = "hunter2", l = ["hunter2"] }
  type = map(number)
  sensitive = true
}
variable "c" {
  sensitive = 1 == 1
  default = <<-EOT
    hunter2
  EOT
}
variable "d" {
  sensitive = false
  default = "open"
}
registry "r.example.com" { password = "hunter2${1 + []}" }
locals {
  x = sensitive("hunter2") + 1
  y = { for k in [sensitive("hunter2")] : k => "open" }
  z = "${upper(sensitive("hunter2"))} open"
}
`
	f, diags := hclsyntax.ParseConfig([]byte(text), "s.fairlead.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	got := string(WithoutSensitiveText(f).Bytes)
	if strings.Contains(got, "hunter2") || strings.Count(got, "open") != 3 || len(got) != len(text) || strings.Count(got, "\n") != strings.Count(text, "\n") {
		t.Errorf("quoted would be\n%s", got)
	}
	if string(f.Bytes) != text {
		t.Error("the file itself was changed")
	}
}
