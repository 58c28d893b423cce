package binfmt

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Package is Debian's package with static emulators and their rules.
const Package = "qemu-user-static"

// Rule is a line of binfmt.d that tells programs by their first bytes.
type Rule struct {
	Name string
	Pattern
	Interpreter string // absolute path
	Flags       string
	File        string // that it was found in; "": in none
}

// errOtherKind is the error for a rule that tells programs by the ends of their names.
var errOtherKind = errors.New("it is of another kind than M")

// ParseRule reads a line of binfmt.d. Its first character parts the fields.
func ParseRule(line string) (Rule, error) {
	bad := func(format string, args ...any) (Rule, error) {
		return Rule{}, fmt.Errorf("binfmt rule %q: %w", line, fmt.Errorf(format, args...))
	}
	if line == "" {
		return bad("it is empty")
	}
	f := strings.Split(line[1:], line[:1])
	if len(f) != 7 {
		return bad("it has %d fields, and needs 7: :NAME:M:OFFSET:MAGIC:MASK:INTERPRETER:FLAGS", len(f))
	}
	if f[1] != "M" {
		return bad("%w", errOtherKind)
	}
	r := Rule{Name: f[0], Interpreter: f[5], Flags: f[6]}
	if r.Name == "" || r.Name == "." || r.Name == ".." || r.Name == "register" || r.Name == "status" || strings.Contains(r.Name, "/") {
		return bad("%q is no name for a handler", r.Name)
	}
	var err error
	if f[2] != "" {
		if r.Offset, err = strconv.Atoi(f[2]); err != nil || r.Offset < 0 {
			return bad("the offset %q is no number of bytes", f[2])
		}
	}
	if r.Magic, err = unescape(f[3]); err != nil {
		return bad("magic: %w", err)
	}
	if f[4] != "" {
		if r.Mask, err = unescape(f[4]); err != nil {
			return bad("mask: %w", err)
		}
	}
	switch {
	case len(r.Magic) == 0:
		return bad("it has no magic")
	case r.Mask != nil && len(r.Mask) != len(r.Magic):
		return bad("the mask has %d bytes, and the magic %d", len(r.Mask), len(r.Magic))
	case r.Offset+len(r.Magic) > headSize:
		return bad("offset and magic reach further than the %d bytes that the kernel compares", headSize)
	case !filepath.IsAbs(r.Interpreter):
		return bad("the interpreter %q is no absolute path", r.Interpreter)
	case strings.Trim(r.Flags, "POCF") != "":
		return bad("the flags %q have others than P, O, C and F", r.Flags)
	}
	return r, nil
}

// unescape reads bytes as the kernel does: \x with one or two hexadecimal digits, all else as it stands.
func unescape(s string) ([]byte, error) {
	var out []byte
	for len(s) > 0 {
		hex, ok := strings.CutPrefix(s, `\x`)
		if !ok {
			out, s = append(out, s[0]), s[1:]
			continue
		}
		n := 0
		for n < len(hex) && n < 2 && strings.IndexByte("0123456789abcdefABCDEF", hex[n]) >= 0 {
			n++
		}
		b, err := strconv.ParseUint(hex[:n], 16, 8)
		if err != nil {
			return nil, fmt.Errorf("%q is no byte", s[:2+n])
		}
		out, s = append(out, byte(b)), hex[n:]
	}
	return out, nil
}

// Line writes the rule. Equal rules give equal lines.
func (r Rule) Line() string {
	offset := ""
	if r.Offset != 0 {
		offset = strconv.Itoa(r.Offset)
	}
	// The kernel's own separator may be in a path.
	sep := ":"
	if strings.Contains(r.Name+r.Interpreter, sep) {
		sep = "|"
	}
	return sep + strings.Join([]string{r.Name, "M", offset, escape(r.Magic), escape(r.Mask), r.Interpreter, r.Flags}, sep)
}

func escape(b []byte) string {
	var out strings.Builder
	for _, c := range b {
		fmt.Fprintf(&out, `\x%02x`, c)
	}
	return out.String()
}

const (
	ownPrefix = "fairlead-"
	wantsP    = "-binfmt-P" // how Debian names interpreters that take P's additional argument; QEMU knows itself by it
)

// Owned tells whether a handler of that name is fairlead's.
func Owned(name string) bool {
	return strings.HasPrefix(name, ownPrefix)
}

// Own gives the rule as fairlead registers it: under a name that says whose it is, with F, and with P where the interpreter wants it.
func (r Rule) Own() Rule {
	if !Owned(r.Name) {
		r.Name = ownPrefix + r.Name
	}
	if strings.HasSuffix(r.Interpreter, wantsP) && !strings.Contains(r.Flags, "P") {
		r.Flags += "P"
	}
	if !strings.Contains(r.Flags, "F") {
		r.Flags += "F"
	}
	return r
}
