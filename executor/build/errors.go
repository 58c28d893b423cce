package build

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/util/suggest"
)

// DockerfileError is what is wrong in a Dockerfile, with the line that it is wrong in.
type DockerfileError struct {
	Path string
	Line int
	Text string // the line
	Err  error
}

func (e *DockerfileError) Error() string {
	return fmt.Sprintf("%s:%d: %v\n  %d | %s", e.Path, e.Line, e.Err, e.Line, e.Text)
}

func (e *DockerfileError) Unwrap() error { return e.Err }

// fault makes an error at a line of the Dockerfile; line 0 is none.
func (f *dockerfile) fault(line int, err error) error {
	lines := strings.Split(string(f.text), "\n")
	if line < 1 || line > len(lines) {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	return &DockerfileError{Path: f.path, Line: line, Text: strings.TrimRight(lines[line-1], "\r"), Err: err}
}

func (f *dockerfile) faultf(line int, format string, args ...any) error {
	return f.fault(line, fmt.Errorf(format, args...))
}

// parseFault takes the position out of an error of BuildKit's parser.
func (f *dockerfile) parseFault(err error) error {
	var at *parser.LocationError
	if !errors.As(err, &at) || len(at.Locations) == 0 {
		return f.fault(0, err)
	}
	return f.fault(firstLine(at.Locations[0]), at.Unwrap())
}

func firstLine(at []parser.Range) int {
	if len(at) == 0 {
		return 0
	}
	return at[0].Start.Line
}

// shownPath is a path for people: quoted where it has what a terminal would take for something else.
func shownPath(path string) string {
	if q := strconv.Quote(path); q != `"`+path+`"` {
		return q
	}
	return path
}

// suggestion gives a sentence with the known word that is nearest to a wrong one, with a space before it; "" if none is near.
func suggestion(word string, known []string) string {
	if best, ok := suggest.Search(word, known, true); ok {
		return fmt.Sprintf(" Did you mean %q?", best)
	}
	return ""
}
