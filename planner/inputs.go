package planner

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/fairlead-dev/fairlead/spec"
)

// Input is one thing that the content of a built or imported image depends on. Kind and Name together tell inputs apart.
type Input struct {
	Kind  InputKind `json:"k"`
	Name  string    `json:"n"` // path in the context, with slashes; name of an argument; reference of a base …
	Value string    `json:"v"` // what it is: a digest, a value that anyone may see, or a keyed hash of one that nobody may
}

// WithoutLockFiles takes fairlead's lock file out, which no context has in it. An earlier version counted it among a context's files.
func (in Inputs) WithoutLockFiles() Inputs {
	return slices.DeleteFunc(slices.Clone(in), func(i Input) bool {
		_, rest, _ := strings.Cut(i.Name, ":") // in a named context
		return i.Kind == InputFile && (path.Base(i.Name) == spec.LockFile || rest == spec.LockFile)
	})
}

// InputKind is a kind of input.
type InputKind string

// The kinds.
const (
	InputFile       InputKind = "file"       // of the context: mode, owner-independent, and digest; Name is NAME:PATH in a named context
	InputDockerfile InputKind = "dockerfile" // its text, as digest
	InputArg        InputKind = "arg"        // that the Dockerfile uses
	InputBase       InputKind = "base"       // an image that it builds on or copies from; Value is its digest
	InputSource     InputKind = "source"     // a URL that ADD takes something from; Value is the digest of the file, or the commit
	InputPlatform   InputKind = "platform"   // that it is built for; Value is "yes"
	InputSecret     InputKind = "secret"     // Value is a keyed hash
	InputContext    InputKind = "context"    // a URL with what is there, or what a name stands for
	InputOption     InputKind = "option"     // anything else that changes the result: target, label, annotation, network …
)

// Inputs are all inputs of one image, sorted by kind and name.
type Inputs []Input

// Sorted gives the inputs in their order.
func (in Inputs) Sorted() Inputs {
	out := slices.Clone(in)
	slices.SortFunc(out, func(a, b Input) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	return out
}

// Encode writes the inputs as text, one a line. Equal inputs give equal bytes.
func (in Inputs) Encode() []byte {
	size := 0
	for _, i := range in {
		size += len(i.Kind) + len(i.Name) + len(i.Value) + len(`  """"`+"\n")
	}
	b := make([]byte, 0, size)
	for _, i := range in {
		b = append(b, i.Kind...)
		b = append(b, ' ')
		b = appendQuoted(b, i.Name)
		b = append(b, ' ')
		b = appendQuoted(b, i.Value)
		b = append(b, '\n')
	}
	return b
}

// appendQuoted is strconv.AppendQuote, which takes its time: nearly all paths and values stand for themselves.
func appendQuoted(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return strconv.AppendQuote(b, s)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// Digest is that of the encoded inputs.
func (in Inputs) Digest() string {
	sum := sha256.Sum256(in.Encode())
	return "sha256:" + hex.EncodeToString(sum[:])
}

// DecodeInputs reads what Encode wrote.
func DecodeInputs(b []byte) (Inputs, error) {
	var out Inputs
	for n, line := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
		kind, rest, _ := strings.Cut(line, " ")
		name, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return nil, fmt.Errorf("inputs: line %d: %w", n+1, err)
		}
		value, err := strconv.Unquote(strings.TrimPrefix(rest[len(name):], " "))
		if err != nil {
			return nil, fmt.Errorf("inputs: line %d: %w", n+1, err)
		}
		if name, err = strconv.Unquote(name); err != nil {
			return nil, fmt.Errorf("inputs: line %d: %w", n+1, err)
		}
		out = append(out, Input{InputKind(kind), name, value})
	}
	return out, nil
}
