package planner

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// fault makes an error. The summary holds no name that a user chose; the detail is whole sentences. A zero range is none: the block
// is gone from the files.
func fault(at hcl.Range, summary, detail string, args ...any) *hcl.Diagnostic {
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(detail, args...)}
	if at.Filename != "" {
		d.Subject = at.Ptr()
	}
	return d
}

// ended gives a text that ends like a sentence, or with a line of a file.
func ended(text string) string {
	if strings.Contains(text, "\n") || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

// importBlock is the block that adopts an object, to be copied into the files.
func importBlock(to spec.Addr, id string) string {
	return fmt.Sprintf("\n\n  import {\n    to = %s\n    id = %q\n  }", to, id)
}
