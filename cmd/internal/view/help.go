package view

import (
	"regexp"
	"strings"
)

// minText is how wide the text beside a list of flags or commands is at least.
const minText = 24

// listed matches an entry of a list up to its text: a flag or a command, and the gap behind it.
var listed = regexp.MustCompile(`^ +\S+(?: \S+)* {2,}`)

// Help wraps a command's help: the rest of an entry begins below its text, and no word is cut.
func Help(text string, columns int) string {
	return wrapAll(WholeWords(text), columns, func(line string) int {
		at := columnsOf(listed.FindString(unmarked.Replace(line)))
		if at == 0 {
			return indentOf(unmarked.Replace(line))
		}
		longest := minText
		for _, w := range strings.Fields(unmarked.Replace(line)[at:]) {
			longest = max(longest, columnsOf(w))
		}
		return max(min(at, columns-longest), 0)
	})
}
