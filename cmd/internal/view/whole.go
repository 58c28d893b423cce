package view

import (
	"regexp"
	"strings"
)

// Text that stands for copying, as a command, a path, a digest or a block of a file, is marked by control sequences of fairlead's own. Wrap
// neither breaks nor cuts it, also where it is wider than the terminal: the terminal itself breaks it then, without a line's end in it.
var (
	wholeMark  = own + "b" // before a whole word
	wholeSpace = own + "s" // in place of a space of one
	unmarked   = strings.NewReplacer(wholeMark, "", wholeSpace, " ")
	word       = regexp.MustCompile(`\S+`)
)

// Whole marks each line of a text for Wrap, which must be what writes it.
func Whole(text string) string {
	return wholeMark + strings.NewReplacer(" ", wholeSpace, "\n", "\n"+wholeMark).Replace(text)
}

// WholeWords marks each word: lines break between words, and no word is cut.
func WholeWords(text string) string { return wholeWider(text, 0) }

// wholeWider marks the words that take more columns than that.
func wholeWider(text string, columns int) string {
	return word.ReplaceAllStringFunc(text, func(w string) string {
		if columnsOf(w) <= columns {
			return w
		}
		return Whole(w)
	})
}

// WholeBlocks marks the words of a text, and each line of it that is indented: it is a command, or a block of a file.
func WholeBlocks(text string) string { return wholeBlocks(text, 0) }

// wholeBlocks marks only the words that take more columns than that: who else wraps the text counts marks as columns.
func wholeBlocks(text string, columns int) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "  ") {
			lines[i] = Whole(l)
		} else {
			lines[i] = wholeWider(l, columns)
		}
	}
	return strings.Join(lines, "\n")
}
