package main

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// everyCommand calls f with each command that there is, cobra's own too.
func everyCommand(cmd *cobra.Command, f func(*cobra.Command)) {
	if !cmd.HasParent() {
		cmd.InitDefaultHelpCmd()
		cmd.InitDefaultCompletionCmd()
	}
	f(cmd)
	for _, c := range cmd.Commands() {
		everyCommand(c, f)
	}
}

// TestHelpWraps: no line of a help is wider than the terminal but what is to be copied, which stands there whole, and no word is cut.
func TestHelpWraps(t *testing.T) {
	for _, columns := range []int{60, 140} {
		n := 0
		everyCommand((&app{}).root(), func(c *cobra.Command) {
			n++
			plain, wrapped := helpText(c, 0), helpText(c, columns)
			if !slices.Equal(strings.Fields(plain), strings.Fields(wrapped)) {
				t.Errorf("%s, %d columns: the words are not those of the help that is not wrapped:\n%s", c.CommandPath(), columns, wrapped)
			}
			copied := strings.Split(c.Example, "\n")
			for _, l := range strings.Split(plain, "\n") {
				if strings.HasPrefix(l, "\t") {
					copied = append(copied, l)
				}
			}
			for _, l := range strings.Split(wrapped, "\n") {
				if utf8.RuneCountInString(l) > columns && !slices.Contains(copied, l) {
					t.Errorf("%s, %d columns: %q is wider", c.CommandPath(), columns, l)
				}
			}
			for _, l := range copied {
				if !strings.Contains(wrapped, l) {
					t.Errorf("%s, %d columns: %q is broken", c.CommandPath(), columns, l)
				}
			}
		})
		if n < 30 {
			t.Errorf("%d commands were looked at", n)
		}
	}
}
