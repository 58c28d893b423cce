package build

import (
	"fmt"
	"math"
	"regexp"

	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// A Dockerfile's variables hold each other: forty lines that each hold the one before twice are more text than any machine holds.
const (
	maxWord  = 1 << 20  // bytes of a word once its variables are filled in
	maxWords = 64 << 20 // of all words together
	maxAsked = 20 << 20 // variables that are looked through, for all words together

	maxInstructions = 10_000
)

// boundedLexer fills the variables of a Dockerfile's words in, within limits.
type boundedLexer struct {
	*shell.Lex
	all   int   // bytes that were filled in
	asked int   // variables that were looked through
	over  error // the limit that was met
}

// substitution is what puts one variable's text into another's.
var substitution = regexp.MustCompile(`\$\{[A-Za-z0-9_]+/`)

// ProcessWordWithMatches is the lexer's own, within the limits.
func (w *boundedLexer) ProcessWordWithMatches(word string, env shell.EnvGetter) (shell.ProcessWordResult, error) {
	limit := maxWord - len(word)
	if n := len(substitution.FindAllString(word, -1)); n > 0 { // what comes out can be as large as the product of its parts
		limit = int(math.Pow(maxWord, 1/float64(n+1)))*(n+1) - len(word)
	}
	w.asked += len(env.Keys())
	bounded := &boundedEnv{EnvGetter: env, left: min(limit, maxWords-w.all)}
	if bounded.left < 0 || w.asked > maxAsked {
		bounded.over = true
	}
	var out shell.ProcessWordResult
	var err error
	if !bounded.over {
		out, err = w.Lex.ProcessWordWithMatches(word, bounded)
		w.all += len(out.Result)
	}
	if bounded.over {
		w.over = fmt.Errorf("what its variables stand for is over the limit: %d MiB for a word, and %d MiB for a Dockerfile", maxWord>>20, maxWords>>20)
		return shell.ProcessWordResult{}, w.over
	}
	return out, err
}

// boundedEnv gives nothing more once it has given too much.
type boundedEnv struct {
	shell.EnvGetter
	left int
	over bool
}

// Get implements shell.EnvGetter.
func (e *boundedEnv) Get(name string) (string, bool) {
	value, ok := e.EnvGetter.Get(name)
	if e.left -= len(value); e.left < 0 {
		e.over = true
		return "", ok
	}
	return value, ok
}
