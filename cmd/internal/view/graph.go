package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/fairlead-dev/fairlead/spec"
)

// Graph draws what refers to what, in the language of dot or of mermaid.
func Graph(w io.Writer, cfg *spec.Config, format string) error {
	ids := map[spec.Addr]string{}
	for i, a := range cfg.Order {
		ids[a] = fmt.Sprintf("n%d", i)
	}
	var head, node, edge, foot string
	switch format {
	case "dot":
		head, node, edge, foot = "digraph %q {\n  rankdir = LR\n", "  %s [label=%q]\n", "  %s -> %s\n", "}\n"
	case "mermaid":
		head, node, edge = "---\ntitle: %s\n---\nflowchart LR\n", "  %s[%q]\n", "  %s --> %s\n"
	default:
		return fmt.Errorf("--format %s: there are dot and mermaid", format)
	}
	fmt.Fprintf(w, head, cfg.Stack.Name)
	for _, a := range cfg.Order {
		label := a.String()
		if format == "mermaid" { // its quotes end the label
			label = strings.ReplaceAll(label, `"`, "'")
		}
		fmt.Fprintf(w, node, ids[a], label)
	}
	for _, a := range cfg.Order {
		for _, need := range cfg.Get(a).Header().References {
			if ids[need] != "" {
				fmt.Fprintf(w, edge, ids[a], ids[need])
			}
		}
	}
	_, err := io.WriteString(w, foot)
	return err
}
