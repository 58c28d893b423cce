package spec

import "unicode/utf8"

// surelyShallow tells whether text is within what checkNesting bounds, from its bytes alone: to scan a file for tokens twice takes a tenth of
// the time of loading it. It counts too much rather than too little, and is false wherever it would need to know more of the language:
// heredocs, directives, escapes, block comments and brackets that don't match.
func (lim limits) surelyShallow(src []byte) bool {
	if !utf8.Valid(src) {
		return false
	}
	s := shallowScan{src: src, stack: make([]opened, 1, 32)}
	for ; s.i < len(src); s.i++ {
		if !s.shortNumber() {
			return false
		}
		known := false
		if s.top().by == '"' {
			known = s.text()
		} else {
			known = s.code()
		}
		if !known || s.top().operators > lim.operators || len(s.stack) > lim.nesting {
			return false
		}
	}
	return len(s.stack) == 1
}

// opened is what is open at a byte.
type opened struct {
	by        byte // the bracket, a quote, or the $ of an interpolation; 0 for the file
	operators int
}

// shallowScan goes through a text. Its steps give false where it would need to know more of the language.
type shallowScan struct {
	src    []byte
	i      int
	stack  []opened
	digits int // just before i, one after the other
}

func (s *shallowScan) top() *opened { return &s.stack[len(s.stack)-1] }

func (s *shallowScan) next() byte {
	if s.i+1 < len(s.src) {
		return s.src[s.i+1]
	}
	return 0
}

// shortNumber counts digits; a number has two runs of them, before and after its point.
func (s *shallowScan) shortNumber() bool {
	if c := s.src[s.i]; c < '0' || c > '9' {
		s.digits = 0
		return true
	}
	s.digits++
	return s.digits <= maxDigits/2
}

// text takes a byte within quotes.
func (s *shallowScan) text() bool {
	c, next := s.src[s.i], s.next()
	switch {
	case c == '"':
		s.stack = s.stack[:len(s.stack)-1]
	case c == '$' && next == '{':
		s.stack = append(s.stack, opened{by: '$'})
		s.i++
	case c == '\\' || c == '\n':
		return false
	case c == '$' || c == '%':
		return next != '$' && next != '%' && next != '{' && next != '"' && next != '\\' && next != 0
	}
	return true
}

// code takes a byte outside quotes.
func (s *shallowScan) code() bool {
	c, top := s.src[s.i], s.top()
	switch c {
	case '"', '{', '(', '[':
		top.operators++ // an index, at most
		s.stack = append(s.stack, opened{by: c})
	case '}', ')', ']':
		if !closes(top.by, c) {
			return false
		}
		s.stack = s.stack[:len(s.stack)-1]
	case ',':
		top.operators = 0
	case '\n':
		if top.by == '{' || top.by == 0 {
			top.operators = 0
		}
	case '#', '/':
		top.operators++
		return s.comment(c)
	case '<':
		top.operators++
		return s.next() != '<'
	case '.', '?', '+', '-', '*', '%', '!', '&', '|', '=', '>', ':':
		top.operators++
	}
	return true
}

// comment passes over one that ends with its line.
func (s *shallowScan) comment(c byte) bool {
	next := s.next()
	if c == '/' && next == '*' {
		return false
	}
	if c == '#' || next == '/' {
		for s.i+1 < len(s.src) && s.src[s.i+1] != '\n' {
			s.i++
		}
	}
	return true
}

func closes(opened, c byte) bool {
	switch opened {
	case '{', '$':
		return c == '}'
	case '(':
		return c == ')'
	case '[':
		return c == ']'
	}
	return false
}
