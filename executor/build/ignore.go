package build

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/fairlead-dev/fairlead/spec"
)

// ignoreName is the ignore file of a context, in it.
const ignoreName = ".dockerignore"

// rulesFile is an ignore file.
type rulesFile struct {
	at   string // for messages
	own  string // at, where it belongs to one Dockerfile; "" for the context's
	text []byte // nil: there is none
}

// contextRules reads the ignore file of a context, wherever a link leads to it. A builder doesn't follow one out of the context, and takes no notice of
// the rules: here it is sent what they let through, and no more.
func contextRules(root string) (*rulesFile, error) {
	at := filepath.Join(root, ignoreName)
	text, err := readText(at)
	if errors.Is(err, fs.ErrNotExist) {
		return &rulesFile{at: at}, deadLink(at)
	}
	if err != nil {
		return nil, err
	}
	return &rulesFile{at: at, text: append([]byte{}, text...)}, nil
}

func (f *rulesFile) patterns() ([]string, error) {
	patterns, err := ignorefile.ReadAll(bytes.NewReader(f.text))
	if slices.ContainsFunc(patterns, func(p string) bool { return !utf8.ValidString(p) }) {
		return nil, fmt.Errorf("%s: its patterns must be valid UTF-8, because the builder takes no other. Write ? for each byte of a name that isn't", f.at)
	}
	if err == nil {
		_, err = patternmatcher.New(patterns)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: a pattern in it cannot be read: %w", f.at, err)
	}
	return patterns, nil
}

// rules decide what of a tree is taken, as fsutil's filter does, which the builder's client sends files through. One goroutine uses them at a time:
// patterns are compiled when first used.
type rules struct {
	exclude *patternmatcher.PatternMatcher // nil: nothing is left out
	include *patternmatcher.PatternMatcher // nil: all else is let through
	plain   bool                           // no exception of exclude has a wildcard, so a directory that is left out can be passed over
	prefix  bool                           // no pattern of include has one, so a directory that leads to none can be passed over
}

// matched is what the rules know of a directory when they decide over what is in it.
type matched struct{ exclude, include patternmatcher.MatchInfo }

// newRules takes patterns that have been checked.
func newRules(exclude, include []string) (r *rules, err error) {
	r = &rules{}
	if len(exclude) > 0 {
		if r.exclude, err = patternmatcher.New(exclude); err != nil {
			return nil, err
		}
		r.plain = !slices.ContainsFunc(r.exclude.Patterns(), func(p *patternmatcher.Pattern) bool { return p.Exclusion() && hasWildcard(p) })
	}
	if len(include) > 0 {
		if r.include, err = patternmatcher.New(include); err != nil {
			return nil, err
		}
		r.prefix = !slices.ContainsFunc(r.include.Patterns(), func(p *patternmatcher.Pattern) bool { return !p.Exclusion() && hasWildcard(p) })
	}
	return r, nil
}

func hasWildcard(p *patternmatcher.Pattern) bool {
	return strings.ContainsAny(withoutTrailingGlob(p), `*[]?^\`)
}

// verdict is what the rules say of one path.
type verdict int

const (
	letThrough verdict = iota
	leftOut
	passedOver // a directory that is left out with all that is in it
)

// judge decides over a path. Besides what the patterns say, fairlead's lock file is left out: an apply writes it before it builds, so it can't be of
// what is built.
func (r *rules) judge(name string, isDirectory bool, parent matched) (says verdict, m matched, err error) {
	if !isDirectory && path.Base(name) == spec.LockFile {
		return leftOut, parent, nil
	}
	if r.include != nil {
		var in bool
		if in, m.include, err = r.include.MatchesUsingParentResults(name, parent.include); err != nil {
			return letThrough, m, err
		}
		if !in && isDirectory && r.prefix && !leadsTo(r.include, false, name+"/") {
			return passedOver, m, nil
		}
		if !in {
			says = leftOut
		}
	}
	if r.exclude != nil {
		var out bool
		if out, m.exclude, err = r.exclude.MatchesUsingParentResults(name, parent.exclude); err != nil {
			return letThrough, m, err
		}
		if out && isDirectory && r.plain && !leadsTo(r.exclude, true, name+"/") {
			return passedOver, m, nil
		}
		if out {
			says = leftOut
		}
	}
	return says, m, nil
}

// leadsTo tells whether a pattern, an exception or not, may match something below a directory, given with a slash after it.
func leadsTo(m *patternmatcher.PatternMatcher, exception bool, dir string) bool {
	return slices.ContainsFunc(m.Patterns(), func(p *patternmatcher.Pattern) bool {
		return p.Exclusion() == exception && strings.HasPrefix(withoutTrailingGlob(p)+"/", dir)
	})
}

func withoutTrailingGlob(p *patternmatcher.Pattern) string {
	return strings.TrimSuffix(strings.TrimSuffix(p.String(), "/**"), "/*")
}
