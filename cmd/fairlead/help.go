package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairlead-dev/fairlead/cmd/internal/view"
)

// help writes a command's help to the standard output.
func help(cmd *cobra.Command, _ []string) {
	fmt.Fprint(stdout, helpText(cmd, stdout.columns()))
}

// helpText is a command's help for a terminal of so many columns; 0: there is none. What stands there to be copied, the examples and cobra's own
// commands behind a tab, is not broken.
func helpText(cmd *cobra.Command, columns int) string {
	var b strings.Builder
	cmd.SetOut(&b)
	defer cmd.SetOut(nil)
	new(cobra.Command).HelpFunc()(cmd, nil) // cobra's own
	lines := strings.Split(b.String(), "\n")
	examples := strings.Split(cmd.Example, "\n")
	for i, l := range lines {
		if l != "" && (strings.HasPrefix(l, "\t") || slices.Contains(examples, l)) {
			lines[i] = view.Whole(l)
		}
	}
	return view.Help(strings.Join(lines, "\n"), columns)
}
