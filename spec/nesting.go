package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Parse parses a file of blocks, if its parts are not nested deeper than the parser's stack can hold: running out of that would end
// the program. The file is nil where nothing of it can be used.
func Parse(src []byte, name string, trust bool) (*hcl.File, hcl.Diagnostics) {
	lim := limitsOf(trust)
	if !lim.surelyShallow(src) {
		if d := lim.checkNesting(lexed(hclsyntax.LexConfig(src, name, hcl.InitialPos))); d != nil {
			return nil, hcl.Diagnostics{d}
		}
	}
	return hclsyntax.ParseConfig(src, name, hcl.InitialPos)
}

func (lim limits) parseExpression(src []byte, name string) (hclsyntax.Expression, hcl.Diagnostics) {
	if !lim.surelyShallow(src) {
		if d := lim.checkNesting(lexed(hclsyntax.LexExpression(src, name, hcl.InitialPos))); d != nil {
			return nil, hcl.Diagnostics{d}
		}
	}
	return hclsyntax.ParseExpression(src, name, hcl.InitialPos)
}

func (lim limits) parseTemplate(src []byte, name string) (hclsyntax.Expression, hcl.Diagnostics) {
	if d := lim.checkNesting(lexed(hclsyntax.LexTemplate(src, name, hcl.InitialPos))); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	return hclsyntax.ParseTemplate(src, name, hcl.InitialPos)
}

// lexed drops what the scanner complains of: the parser says it again.
func lexed(tokens hclsyntax.Tokens, _ hcl.Diagnostics) hclsyntax.Tokens { return tokens }

// chain is an expression between two brackets as the scan sees it.
type chain struct {
	operators int
	braces    bool // a new line ends an expression here
}

// checkNesting looks for what the parser and the evaluation would go down into too deep: brackets in brackets, and operators, indexes
// and conditions behind each other, which become a tree as deep as they are many.
func (lim limits) checkNesting(tokens hclsyntax.Tokens) *hcl.Diagnostic {
	open := []chain{{braces: true}}
	directives := 0 // %{ if } and %{ for } that are open
	for i, t := range tokens {
		here := &open[len(open)-1]
		switch t.Type {
		case hclsyntax.TokenOBrack, hclsyntax.TokenDot, hclsyntax.TokenQuestion, hclsyntax.TokenPlus, hclsyntax.TokenMinus, hclsyntax.TokenStar, hclsyntax.TokenSlash,
			hclsyntax.TokenPercent, hclsyntax.TokenBang, hclsyntax.TokenAnd, hclsyntax.TokenOr, hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual,
			hclsyntax.TokenLessThan, hclsyntax.TokenGreaterThan, hclsyntax.TokenLessThanEq, hclsyntax.TokenGreaterThanEq, hclsyntax.TokenDoubleColon:
			here.operators++
		case hclsyntax.TokenNumberLit:
			if len(t.Bytes) > maxDigits {
				return exceeded(t.Range, fmt.Sprintf("A number has more than %d digits, which is the limit", maxDigits))
			}
		case hclsyntax.TokenComma:
			here.operators = 0
		case hclsyntax.TokenNewline, hclsyntax.TokenComment: // which holds the end of its line
			if here.braces && bytes.HasSuffix(t.Bytes, []byte("\n")) {
				here.operators = 0
			}
		case hclsyntax.TokenTemplateControl:
			if i+1 < len(tokens) {
				switch string(tokens[i+1].Bytes) {
				case "if", "for":
					directives++
				case "endif", "endfor":
					directives--
				}
			}
		}
		if here.operators > lim.operators {
			return exceeded(t.Range, fmt.Sprintf("An expression has more than %d operators, indexes and conditions, which is the limit", lim.operators))
		}
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			open = append(open, chain{braces: t.Type == hclsyntax.TokenOBrace})
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			if len(open) > 1 {
				open = open[:len(open)-1]
			}
		}
		if len(open)+directives > lim.nesting {
			return exceeded(t.Range, fmt.Sprintf("Brackets, blocks and templates are nested more than %d deep, which is the limit", lim.nesting))
		}
	}
	return nil
}

// ReadSource reads a file of blocks or of variables: a regular one that is not absurdly large.
func ReadSource(path string, trust bool) ([]byte, error) {
	return readRegular(path, limitsOf(trust).source)
}

// OpenRegular opens a regular file to be read. Anything else is an error: a FIFO would be waited for, and a device has no end.
func OpenRegular(path string) (*RegularFile, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errNotRegular
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // it may be another one by now
	if err != nil {
		return nil, err
	}
	if st, err = f.Stat(); err == nil && !st.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &RegularFile{f}, nil
}

var errNotRegular = errors.New("it is no regular file")

// RegularFile is read without waiting: the kernel calls some files regular that have no end and are waited for, as /proc/kmsg.
type RegularFile struct{ *os.File }

// Read fails where there is nothing to be read yet.
func (f *RegularFile) Read(b []byte) (n int, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	_ = conn.Read(func(fd uintptr) bool {
		for {
			if n, err = syscall.Read(int(fd), b); !errors.Is(err, syscall.EINTR) {
				return true
			}
		}
	})
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return 0, errNotRegular
	case err != nil:
		return 0, &os.PathError{Op: "read", Path: f.Name(), Err: err}
	case n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// WriteTo hides that of the file, which waits.
func (f *RegularFile) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{f})
}

// readRegular reads a regular file of a bounded size.
func readRegular(path string, most int) ([]byte, error) {
	f, err := OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(b) > most {
		return nil, fmt.Errorf("it is larger than %d MiB, which is the limit. %s", most>>20, trustHint)
	}
	return b, err
}
