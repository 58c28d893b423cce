package build

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	continuity "github.com/containerd/continuity/fs"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// ignoreName is the ignore file of a context, in it.
const ignoreName = ".dockerignore"

// rulesFile is an ignore file.
type rulesFile struct {
	at   string // for messages
	own  string // at, where it belongs to one Dockerfile; "" for the context's
	text []byte // nil: there is none
}

// contextRules reads the ignore file of a context. A link is followed only within the context, as the builder follows it.
func contextRules(root string) (*rulesFile, error) {
	at, err := continuity.RootPath(root, ignoreName)
	if err != nil {
		return nil, unreadable(filepath.Join(root, ignoreName), err)
	}
	text, err := readText(at)
	if errors.Is(err, fs.ErrNotExist) {
		return &rulesFile{at: at}, nil
	}
	if err != nil {
		return nil, err
	}
	return &rulesFile{at: at, text: append([]byte{}, text...)}, nil
}

func (f *rulesFile) patterns() ([]string, error) {
	patterns, err := ignorefile.ReadAll(bytes.NewReader(f.text))
	if err == nil {
		_, err = patternmatcher.New(patterns)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: a pattern in it cannot be read: %w", f.at, err)
	}
	return patterns, nil
}

// rules decide what of a tree is left out. One goroutine uses them at a time: patterns are compiled when first used.
type rules struct {
	matcher *patternmatcher.PatternMatcher // nil: all is let through
	plain   bool                           // no exception has a wildcard, so a directory that is left out can be passed over
}

// newRules takes patterns that readRules has checked.
func newRules(patterns []string) (*rules, error) {
	if len(patterns) == 0 {
		return &rules{}, nil
	}
	m, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, err
	}
	r := &rules{matcher: m, plain: true}
	for _, p := range m.Patterns() {
		if p.Exclusion() && strings.ContainsAny(withoutTrailingGlob(p), `*[]?^\`) {
			r.plain = false
		}
	}
	return r, nil
}

// verdict is what the rules say of one path.
type verdict int

const (
	letThrough verdict = iota
	leftOut
	passedOver // a directory that is left out with all that is in it
)

// judge decides over a path, as fsutil's filter does, which the builder's client sends files through.
func (r *rules) judge(path string, isDirectory bool, parent patternmatcher.MatchInfo) (verdict, patternmatcher.MatchInfo, error) {
	if r.matcher == nil {
		return letThrough, parent, nil
	}
	out, info, err := r.matcher.MatchesUsingParentResults(path, parent)
	if err != nil || !out {
		return letThrough, info, err
	}
	if isDirectory && r.plain && !r.excepts(path+"/") {
		return passedOver, info, nil
	}
	return leftOut, info, nil
}

// excepts tells whether an exception may let something through below a directory, given with a slash after it.
func (r *rules) excepts(dir string) bool {
	for _, p := range r.matcher.Patterns() {
		if p.Exclusion() && strings.HasPrefix(withoutTrailingGlob(p)+"/", dir) {
			return true
		}
	}
	return false
}

func withoutTrailingGlob(p *patternmatcher.Pattern) string {
	return strings.TrimSuffix(strings.TrimSuffix(p.String(), "/**"), "/*")
}
