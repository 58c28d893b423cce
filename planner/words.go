package planner

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"

	"github.com/fairlead-dev/fairlead/spec"
)

// fault makes an error. The summary holds no name that a user chose; the detail is whole sentences. A zero range is none: the block
// is gone from the files.
func fault(at hcl.Range, summary, detail string, args ...any) *hcl.Diagnostic {
	d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(detail, args...)}
	if at.Filename != "" {
		d.Subject = at.Ptr()
	}
	return d
}

// ended gives a text that ends like a sentence, or with a line of a file.
func ended(text string) string {
	if strings.Contains(text, "\n") || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

// importBlock is the block that adopts an object, to be copied into the files.
func importBlock(to spec.Addr, id string) string {
	return fmt.Sprintf("\n\n  import {\n    to = %s\n    id = %q\n  }", to, id)
}

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

// short is a container's ID as people see it.
func short(id string) string { return id[:min(len(id), 12)] }

func shortDigest(d string) string {
	alg, hex, ok := strings.Cut(d, ":")
	if !ok {
		return orElse(d, "unknown")
	}
	return alg + ":" + hex[:min(len(hex), 12)]
}

// familiar is an image's name without what everybody leaves out.
func familiar(name string) string {
	name = strings.TrimPrefix(name, "docker.io/")
	return strings.TrimPrefix(name, "library/")
}

// Bytes is a number of bytes for people, in powers of 1000.
func Bytes(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, unit := float64(n), 0
	for f >= 999.95 && unit < 5 {
		f /= 1000
		unit++
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + []string{"B", "kB", "MB", "GB", "TB", "PB"}[unit]
}

// Count says how many of something there are, in words.
func Count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
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

func exitText(t Task) string {
	s := fmt.Sprintf("its task ended with exit code %d", t.ExitCode)
	if !t.ExitedAt.IsZero() {
		s += " at " + t.ExitedAt.UTC().Format(time.DateTime)
	}
	return s
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
