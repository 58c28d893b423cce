package spec

import (
	"fmt"
	"math"

	"github.com/hashicorp/hcl/v2"
)

// limits bound what files can ask for, so that reading them ends soon, whoever wrote them. Work is counted and not timed, so that the
// same files give the same answer on every machine.
type limits struct {
	nesting   int // brackets, blocks and templates in each other; collections in a value
	operators int // operators, indexes and conditions of one expression, which the parser nests
	source    int // bytes of a file of blocks or of variables
	file      int // bytes of a file that an expression reads
	files     int // bytes of the text of all of these
	names     int // locals, outputs and resources
	instances int // of all blocks with for_each or count together
	elements  int // of a value, with those of its parts
	bytes     int // of the strings of a value
	steps     int // of all expressions together
}

var (
	untrusted = limits{nesting: 200, operators: 5_000, source: 4 << 20, file: 16 << 20, files: 256 << 20, names: 100_000, instances: 20_000, elements: 1_000_000, bytes: 16 << 20, steps: 5_000_000}
	// trusted bounds what would end the program or the machine otherwise, and nothing that a stack could be meant to hold.
	trusted = limits{nesting: 2_000, operators: 50_000, source: 64 << 20, file: 1 << 30, files: math.MaxInt, names: 1_000_000, instances: 1_000_000, elements: 100_000_000, bytes: 1 << 30, steps: math.MaxInt}
)

func limitsOf(trust bool) limits {
	if trust {
		return trusted
	}
	return untrusted
}

// trustHint is the remedy that every limit has. Who says it ends the sentence.
const trustHint = "If you trust who wrote these files, --trust-files raises the limits"

// exceeded says which limit something is over.
func exceeded(at hcl.Range, what string) *hcl.Diagnostic {
	return fault(at, "Limit exceeded", "%s. %s.", what, trustHint)
}

func stepsText(n int) string {
	return fmt.Sprintf("Evaluating the files takes more than %d steps, which is the limit", n)
}
