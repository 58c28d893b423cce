package spec

import "unicode/utf8"

// surelyShallow tells whether text is within what checkNesting bounds, from its bytes alone: to scan a file for tokens twice takes a tenth of
// the time of loading it. It counts too much rather than too little, and is false wherever it would need to know more of the language:
// heredocs, directives, escapes, block comments and brackets that don't match.
func (lim limits) surelyShallow(src []byte) bool {
	type open struct {
		by        byte // the bracket, a quote, or the $ of an interpolation; 0 for the file
		operators int
	}
	if !utf8.Valid(src) {
		return false
	}
	stack := make([]open, 1, 32)
	digits := 0
	for i := 0; i < len(src); i++ {
		c, next := src[i], byte(0)
		if digits++; c < '0' || c > '9' {
			digits = 0
		} else if digits > maxDigits/2 { // of which a number has two: before and after its point
			return false
		}
		if i+1 < len(src) {
			next = src[i+1]
		}
		top := &stack[len(stack)-1]
		if top.by == '"' {
			switch {
			case c == '"':
				stack = stack[:len(stack)-1]
			case c == '$' && next == '{':
				stack = append(stack, open{by: '$'})
				i++
			case c == '\\' || c == '\n' || (c == '$' || c == '%') && (next == '$' || next == '%' || next == '{' || next == '"' || next == '\\' || next == 0):
				return false
			}
		} else {
			switch c {
			case '"', '{', '(', '[':
				top.operators++ // an index, at most
				stack = append(stack, open{by: c})
			case '}', ')', ']':
				if !closes(top.by, c) {
					return false
				}
				stack = stack[:len(stack)-1]
			case ',':
				top.operators = 0
			case '\n':
				if top.by == '{' || top.by == 0 {
					top.operators = 0
				}
			case '#', '/':
				if c == '/' && next == '*' {
					return false
				}
				if c == '#' || next == '/' {
					for i+1 < len(src) && src[i+1] != '\n' {
						i++
					}
				}
				top.operators++
			case '<':
				if next == '<' {
					return false
				}
				top.operators++
			case '.', '?', '+', '-', '*', '%', '!', '&', '|', '=', '>', ':':
				top.operators++
			}
			if top.operators > lim.operators {
				return false
			}
		}
		if len(stack) > lim.nesting {
			return false
		}
	}
	return len(stack) == 1
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
