package spec

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// base is where the paths that a stack's files name begin.
type base struct{ dir, home string }

func newBase(dir string) base {
	home, _ := os.UserHomeDir() // without one, "~" is a name as any other
	return base{dir: dir, home: home}
}

// path makes a path absolute.
func (b base) path(p string) string {
	if p = b.expandHome(p); !filepath.IsAbs(p) {
		p = filepath.Join(b.dir, p)
	}
	return filepath.Clean(p)
}

func (b base) expandHome(p string) string {
	if b.home == "" || p != "~" && !strings.HasPrefix(p, "~/") {
		return p
	}
	return filepath.Join(b.home, p[1:])
}

// reads is what expressions have read of the host. Each thing is read once, while the files are loaded: what is evaluated again later sees what
// was there then, and touches nothing.
type reads struct {
	base
	limits
	closed  bool  // the files are loaded
	refused error // the first reading that came after that, in this evaluation: try() and can() hide what it gives
	size    int   // of all texts
	texts   map[string]result[string]
	sums    map[string]result[sum]
	exist   map[string]result[bool]
}

type result[T any] struct {
	value T
	err   error
}

// sum is the hash of a file, and how many bytes were read for it.
type sum struct {
	hex  string
	size int
}

func newReads(b base, lim limits) *reads {
	return &reads{base: b, limits: lim, texts: map[string]result[string]{}, sums: map[string]result[sum]{}, exist: map[string]result[bool]{}}
}

// once gives what was read of a path before; else it reads it, if the files are still being loaded.
func once[T any](r *reads, before map[string]result[T], path string, read func(path string) (T, error)) (T, error) {
	path = r.path(path)
	got, ok := before[path]
	switch {
	case ok:
	case r.closed:
		got.err = fmt.Errorf("%s was not read with the stack's files, since only the host tells its path, or that it is needed. Build the path from variables and local values", path)
		r.refused = cmp.Or(r.refused, got.err)
	default:
		got.value, got.err = read(path)
		before[path] = got
	}
	return got.value, got.err
}

// text gives the content of a file, which must be UTF-8.
func (r *reads) text(path string) (string, error) {
	return once(r, r.texts, path, func(path string) (string, error) {
		b, err := readBytes(path, r.file)
		switch {
		case err != nil:
			return "", err
		case !utf8.Valid(b):
			return "", fmt.Errorf("%s holds bytes that are no UTF-8, which a string cannot hold", path)
		}
		if r.size += len(b); r.size > r.files {
			return "", fmt.Errorf("the files that are read hold more than %d MiB together, which is the limit. %s", r.files>>20, trustHint)
		}
		return string(b), nil
	})
}

// sha256 gives the hash of a file.
func (r *reads) sha256(path string) (sum, error) {
	return once(r, r.sums, path, func(path string) (sum, error) {
		b, err := readBytes(path, r.file)
		h := sha256.Sum256(b)
		return sum{hex.EncodeToString(h[:]), len(b)}, err
	})
}

// exists tells whether there is a regular file.
func (r *reads) exists(path string) (bool, error) {
	return once(r, r.exist, path, func(path string) (bool, error) {
		st, err := os.Stat(path)
		return err == nil && st.Mode().IsRegular(), nil
	})
}

func readBytes(path string, most int) ([]byte, error) {
	b, err := readRegular(path, most)
	var pe *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s", path)
	case err != nil && !errors.As(err, &pe):
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, err
}

// closeReads ends the reading of files. What an expression did not come to yet, since it waits for what the host tells, is read before, where its path is known.
func (e *evaluator) closeReads() {
	for _, n := range e.source {
		if n.local != nil && n.value != cty.NilVal && !n.value.IsWhollyKnown() {
			e.readAhead(n.local.Expr, e.context(n, nil))
		}
		if n.block == nil {
			continue
		}
		for _, i := range n.instances {
			if i.resource != nil && len(i.resource.Header().Marks.Unknown) > 0 {
				e.readAhead(n.block.Body, e.decoder(n, i, e.context(n, nil)).ctx)
			}
		}
		if n.kind == nil {
			e.readAhead(n.block.Body, e.context(n, nil))
		}
	}
	e.reads.closed = true
}

// readAhead reads the files whose paths the tree names. What is wrong with them is said where their content is needed.
func (e *evaluator) readAhead(tree hclsyntax.Node, ctx *hcl.EvalContext) {
	text := func(path string) int { text, _ := e.reads.text(path); return len(text) }
	read := map[string]func(path string) (size int){
		"file": text, "templatefile": text,
		"filesha256": func(path string) int { sum, _ := e.reads.sha256(path); return sum.size },
		"fileexists": func(path string) int { _, _ = e.reads.exists(path); return 0 },
	}
	_ = hclsyntax.VisitAll(tree, func(x hclsyntax.Node) hcl.Diagnostics {
		call, ok := x.(*hclsyntax.FunctionCallExpr)
		if !ok || read[call.Name] == nil || len(call.Args) == 0 {
			return nil
		}
		path, diags := call.Args[0].Value(ctx)
		if path, _ = path.Unmark(); !diags.HasErrors() && path.Type() == cty.String && path.IsKnown() && !path.IsNull() {
			e.budget.take(read[call.Name](path.AsString())/bytesReadPerStep, call.Range())
		}
		return nil
	})
}
