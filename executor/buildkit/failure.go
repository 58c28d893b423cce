package buildkit

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/grpcerrors"
	"github.com/opencontainers/go-digest"
	"google.golang.org/grpc/codes"
)

// StepError is the failure of one line of a Dockerfile.
type StepError struct {
	Dockerfile string   // as the build block names it
	Line       int      // 0: BuildKit doesn't say
	Step       string   // RUN go build ./...; "": not one of those that are run
	Platform   string   // that it was for; "": only one is built
	ExitCode   int      // of the command; 0: it isn't a command that failed
	Output     []string // the last lines of the step's output
	Reason     string   // what went wrong, where it isn't the exit code
	Err        error    // BuildKit's
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
		t.WriteString(": " + e.Reason)
	}
	for _, line := range e.Output {
		t.WriteString("\n  | " + line)
	}
	return t.String()
}

// Unwrap gives BuildKit's error.
func (e *StepError) Unwrap() error { return e.Err }

// failure is an error whose text names the builder.
type failure struct{ error }

func (e *failure) Unwrap() error { return e.error }

// Culprit tells that it isn't containerd that failed.
func (e *failure) Culprit() string { return "builder" }

// Culprit tells that it isn't containerd that failed.
func (e *StepError) Culprit() string { return "build" }

// explain says what went wrong with a build: with a line of its Dockerfile, or with the builder.
func explain(ctx context.Context, err error, r Request, c *conn, v *view) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var vertex *errdefs.VertexError
	failed := errors.As(err, &vertex) // a step: a registry that is unavailable says so with the same code
	if code := grpcerrors.Code(err); !failed && (code == codes.Unavailable || code == codes.Canceled) {
		text := fmt.Sprintf("builder %s: it ended in the middle of the build", c.host)
		if c.log != "" {
			text += "; its log is " + c.log
		}
		return &failure{fmt.Errorf("%s. Build again (%w)", text, err)}
	}
	e := &StepError{Dockerfile: dockerfileName(r), Reason: reasonOf(err), Err: err}
	if sources := errdefs.Sources(err); len(sources) > 0 {
		e.Line = lineOf(sources[len(sources)-1].Ranges)
	}
	if failed {
		name, tail := v.step(digest.Digest(vertex.Digest))
		if !strings.HasPrefix(name, internal) {
			tag := tagOf(name)
			e.Step, e.Platform, e.Output = strings.TrimPrefix(name, tag), platformOf(tag), tail
		}
	}
	if exit, ok := errors.AsType[*gateway.ExitError](err); ok && exit.ExitCode < gateway.UnknownExitStatus {
		e.ExitCode = int(exit.ExitCode)
	}
	return e
}

func dockerfileName(r Request) string {
	switch {
	case r.Build.Inline != "":
		return "inline Dockerfile"
	case r.Build.Dockerfile != "":
		return r.Build.Dockerfile
	}
	return "Dockerfile"
}

// lineOf gives the first line of the ranges.
func lineOf(ranges []*pb.Range) int {
	first := 0
	for _, r := range ranges {
		if at := int(r.GetStart().GetLine()); first == 0 || at < first {
			first = at
		}
	}
	return first
}

// platformOf gives linux/arm64 of "[linux/arm64 build 3/5] "; BuildKit says it where several are built, but for what is on scratch.
func platformOf(tag string) string {
	word, _, _ := strings.Cut(strings.Trim(tag, "[] "), " ")
	if os, _, ok := strings.Cut(word, "/"); ok && strings.Trim(os, "0123456789") != "" {
		return word
	}
	return ""
}

// noise is what BuildKit puts before the thing that went wrong.
var noise = regexp.MustCompile(`^(failed to solve|failed to compute cache key|failed to load cache key|failed to calculate checksum of ref \S+|` +
	`dockerfile parse error on line \d+|process ".*" did not complete successfully|failed to create LLB definition|rpc error: code = \w+ desc =|` +
	`failed to authorize|failed to do request|failed to create shim task|OCI runtime create failed|runc create failed|unable to start container process): `)

// reasons say again, with what to do, what BuildKit says in its own words.
var reasons = []struct {
	from *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`^"([^"]+)": not found$`), `$1 is not there to be copied: it isn't in the context or stage, or an ignore file leaves it out`},
	{regexp.MustCompile(`^secret (.+): not found$`), `secret $1 is not given. Add a secret "$1" block to the build block`},
	{regexp.MustCompile(`^no SSH key "" forwarded.*`), `no ssh agent is given. Add ssh = ["default"] to the build block`},
	{regexp.MustCompile(`^no SSH key "(.+)" forwarded.*`), `ssh agent $1 is not given. Add ssh = ["$1=PATH"] to the build block`},
	{regexp.MustCompile(`^target stage "(.*)" could not be found`), `target "$1": it has no such stage`},
	{regexp.MustCompile(`^(?:\S+: )?failed to resolve source metadata for (\S+): (?:.*: )?(?:pull access denied|insufficient_scope|unexpected status.* 40[13]).*`),
		`image $1: its registry wants a login, or has no such image. Log in (docker login), or write a registry block`},
	{regexp.MustCompile(`^(?:\S+: )?failed to resolve source metadata for (\S+): \S+: not found$`), `image $1: its registry has no such name, tag or digest`},
	{regexp.MustCompile(`^(?:\S+: )?failed to resolve source metadata for (\S+): no match for platform in manifest: not found$`),
		`image $1: it has no such platform`},
	{regexp.MustCompile(`^(?:\S+: )?failed to resolve source metadata for (\S+): (?:failed to do request: \w+ "[^"]*": )?(.*)$`),
		`image $1: its registry cannot be reached: $2`},
	{regexp.MustCompile(`^digest mismatch (?:for \S+: )?(\w+:[0-9a-f]+)(?:: | \(expected: )(\w+:[0-9a-f]+)\)?$`),
		`its content is $1 now, and not $2, at which the lock file or --checksum pins it. Take it with "fairlead lock --update", or correct the checksum`},
	{regexp.MustCompile(`^granting entitlement (\S+) is not allowed.*`),
		`the builder doesn't allow $1. Start it with --allow-insecure-entitlement $1, or leave out network = "host"`},
}

// reasonOf takes what went wrong out of BuildKit's message.
func reasonOf(err error) string {
	text := err.Error()
	for noise.MatchString(text) {
		text = noise.ReplaceAllString(text, "")
	}
	text = strings.TrimSuffix(text, ": unknown")
	for _, r := range reasons {
		if r.from.MatchString(text) {
			return r.from.ReplaceAllString(text, r.to)
		}
	}
	return text
}
