package view

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// hang is how much further to the right the rest of a line begins.
const hang = 4

// Wrap breaks lines that are wider than a terminal, between words where it can. Columns is 0 where there is no terminal: then no line is
// broken. What is marked as whole is neither broken nor cut.
func Wrap(text string, columns int) string {
	return wrapAll(text, columns, func(line string) int { return min(indentOf(line)+hang, columns/2) })
}

// wrapAll wraps a text; at gives where the rest of a line that is broken begins.
func wrapAll(text string, columns int, at func(line string) int) string {
	if columns <= 0 {
		return unmarked.Replace(text)
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if columnsOf(l) > columns {
			lines[i] = wrapLine(l, columns, at(l))
		}
	}
	return unmarked.Replace(strings.Join(lines, "\n"))
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

func wrapLine(line string, columns, at int) string {
	indent := strings.Repeat(" ", at)
	var out, current strings.Builder
	used, begun := 0, false // begun: there is a word on the current line
	end := func() {
		out.WriteString(strings.TrimRight(current.String(), " ") + "\n")
		current.Reset()
		current.WriteString(indent)
		used, begun = len(indent), false
	}
	for line != "" {
		word := line[len(line)-len(strings.TrimLeft(line, " ")):]
		gap := line[:len(line)-len(word)]
		if i := strings.IndexByte(word, ' '); i >= 0 {
			word = word[:i]
		}
		line = line[len(gap)+len(word):]
		if begun && used+len(gap)+columnsOf(word) > columns {
			end()
			gap = ""
		}
		current.WriteString(gap)
		used += len(gap)
		for columnsOf(word) > columns-used && !strings.Contains(word, wholeMark) { // even on a line of its own
			head := cutLine(word, max(columns-used, 1))
			current.WriteString(head)
			word = word[len(head):]
			end()
		}
		current.WriteString(word)
		used += columnsOf(word)
		begun = begun || word != ""
	}
	return out.String() + strings.TrimRight(current.String(), " ")
}

// cutLine gives the beginning of a line that fits into columns, with all control sequences of fairlead's own in it; at least one character.
func cutLine(line string, columns int) string {
	used := 0
	for i := 0; i < len(line); {
		n, wide := nextCell(line[i:])
		if used += wide; used > columns && i > 0 {
			return line[:i]
		}
		i += n
	}
	return line
}

// columnsOf is how many columns of a terminal a line takes. Control sequences of fairlead's own take none.
func columnsOf(line string) int {
	used := 0
	for line != "" {
		n, wide := nextCell(line)
		used += wide
		line = line[n:]
	}
	return used
}

// nextCell gives the bytes and the columns of the first character, or control sequence of fairlead's own.
func nextCell(s string) (n, columns int) {
	if strings.HasPrefix(s, wholeSpace) {
		return len(wholeSpace), 1
	}
	if rest, ok := strings.CutPrefix(s, own); ok {
		if i := strings.IndexFunc(rest, unicode.IsLetter); i >= 0 {
			return len(own) + i + 1, 0
		}
		return len(s), 0
	}
	r, n := utf8.DecodeRuneInString(s)
	switch {
	case r == utf8.RuneError && n == 1:
		return n, len(`\x00`)
	case r == '\t':
		return n, 8 // at most
	case isHidden(r):
		return n, len(escapeRune(r))
	case unicode.In(r, unicode.Mn, unicode.Me):
		return n, 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return n, 2
	}
	return n, 1
}
