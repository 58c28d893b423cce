package view

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// own begins each control sequence of fairlead's own, in place of the escape character. A Writer alone turns it into that. It holds a
// random text, so that nothing that a file, an image or a container says can contain it.
var own = "\x1b" + rand.Text()

// colour matches a sequence that sets colours. It says nothing, so it is dropped, where other control characters are shown.
var colour = regexp.MustCompile(`^\x1b\[[0-9;:]*m`)

// Writer cleans what is written to a terminal or a pipe: control characters (C0, C1 and DEL), Unicode's characters that format or
// reorder text, its separators of lines, and bytes that are no UTF-8 are shown as escapes, as in \u001b. Lines, tabs and the sequences
// that this package makes pass. An escape is right within a JSON string, too.
type Writer struct {
	mu   sync.Mutex
	w    io.Writer
	bare bool   // sequences of fairlead's own are dropped
	err  error  // the first that writing gave
	rest []byte // the beginning of a character, or of own, whose end was not written yet
}

// NewWriter makes a Writer that writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// DropSequences leaves out colours and movements of the cursor from now on: no terminal reads any more.
func (c *Writer) DropSequences() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bare = true
}

// Err gives the first error that writing gave: what is to be read is not there whole.
func (c *Writer) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Bare tells whether they are left out.
func (c *Writer) Bare() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bare
}

// Write writes b, cleaned.
func (c *Writer) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := append(c.rest, b...)
	whole := wholePrefix(text)
	c.rest = append([]byte{}, text[whole:]...)
	if _, err := io.WriteString(c.w, escapeControls(string(text[:whole]), passing{lines: true, sequences: !c.bare})); err != nil {
		c.err = cmp.Or(c.err, err)
		return 0, err
	}
	return len(b), nil
}

// wholePrefix gives how many bytes of text can be written now: a character or a control sequence at the end may be cut off.
func wholePrefix(text []byte) int {
	if i := bytes.LastIndexByte(text, own[0]); i >= 0 && len(text)-i < len(own) && strings.HasPrefix(own, string(text[i:])) {
		return i
	}
	for i := len(text) - 1; i >= 0 && i >= len(text)-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:]) {
				return i
			}
			break
		}
	}
	return len(text)
}

// Line cleans one piece of a line, so that it neither ends the line nor moves what follows it.
func Line(s string) string { return escapeControls(s, passing{}) }

// planLine matches a line end after which something would be read as a line of a plan, of a run or of a diagnostic.
var planLine = regexp.MustCompile(`\n( {0,3}(?:(?:[-+~>]|-/\+) +(?:container|image|emulator)\b|# \S+ is |[✓✗] )|(?:Plan|Steps|Error|Warning): |Done in )`)

// Told is for text of several lines, as an error's, into which a name or what somebody else said may have brought a line end: it leaves no
// line that looks like one of fairlead's own.
func Told(s string) string { return planLine.ReplaceAllString(s, `\n$1`) }

// passing says what is not shown as an escape.
type passing struct {
	lines     bool // line ends and tabs; and sequences of fairlead's own are known as such
	sequences bool // these pass, else they are dropped
}

// escapeControls writes as escapes what is not shown as itself, but for what passes.
func escapeControls(s string, pass passing) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return isHidden(r) || r == utf8.RuneError }) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case pass.sequences && strings.HasPrefix(s, own):
			b.WriteByte(own[0])
			n = len(own)
		case pass.lines && strings.HasPrefix(s, own):
			n, _ = nextCell(s)
		case r == '\x1b' && colour.MatchString(s):
			n = len(colour.FindString(s))
		case pass.lines && (r == '\n' || r == '\t'), !isHidden(r):
			b.WriteString(s[:n])
		default:
			b.WriteString(escapeRune(r))
		}
		s = s[n:]
	}
	return b.String()
}

// isHidden tells whether a character is not shown as itself.
func isHidden(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// short are the escapes of what is often in text.
var short = map[rune]string{'\n': `\n`, '\r': `\r`, '\t': `\t`}

func escapeRune(r rune) string {
	if s := short[r]; s != "" {
		return s
	}
	if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
		return fmt.Sprintf(`\u%04x\u%04x`, high, low)
	}
	return fmt.Sprintf(`\u%04x`, r)
}
