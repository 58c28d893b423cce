package planner

import (
	"fmt"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/fairlead-dev/fairlead/spec"
)

// didYouMean gives a sentence with the known word that is nearest to a wrong one, with a space before it; "" if none is near.
func didYouMean(word string, known []string) string {
	best, at := "", len(word)/3+2
	for _, k := range known {
		if d := levenshtein.Distance(word, k, nil); d > 0 && d < at {
			best, at = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}


// lessAddr orders addresses as people read them: numbers by value.
func lessAddr(a, b spec.Addr) int {
	if c := strings.Compare(string(a.Kind), string(b.Kind)); c != 0 {
		return c
	}
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	if len(a.Key) != len(b.Key) && !strings.HasPrefix(a.Key, `"`) && !strings.HasPrefix(b.Key, `"`) {
		return len(a.Key) - len(b.Key)
	}
	return strings.Compare(a.Key, b.Key)
}
