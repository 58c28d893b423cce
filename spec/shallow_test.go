package spec

import (
	"math/rand"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// What the look at bytes passes is within the limits for the scan of tokens as well, whatever it is made of.
func TestSurelyShallowIsShallow(t *testing.T) {
	pieces := strings.Split("[ ] { } ( ) \" \\ \\\" ${ %{ $ % $${ %%{ # // /* */ /  <<E <<-E E ~ ' ` . + - ! ? : :: = == => ... && , a a- 1 1.5 1e-5 ]] ]]] [[[ é \xff \ufeff \r if for in endif endfor", " ")
	pieces = append(pieces, "\n", "\n", "\nE\n", "<<E\n", "<<-E\n", "\"x\"", "[\"]\", ", "{a=", "\"${a}\"", "\"${[", "a = b\n", " ")
	lim := limits{nesting: 6, operators: 4}
	random := rand.New(rand.NewSource(1)) //nolint:gosec // the same text each time
	sure := 0
	for range 30_000 {
		var b strings.Builder
		for range 1 + random.Intn(24) {
			b.WriteString(pieces[random.Intn(len(pieces))])
		}
		if !lim.surelyShallow([]byte(b.String())) {
			continue
		}
		sure++
		for what, scan := range map[string]func([]byte, string, hcl.Pos) (hclsyntax.Tokens, hcl.Diagnostics){"config": hclsyntax.LexConfig, "expression": hclsyntax.LexExpression} {
			if d := lim.checkNesting(lexed(scan([]byte(b.String()), "a", hcl.InitialPos))); d != nil {
				t.Fatalf("%s %q: %s", what, b.String(), d.Detail)
			}
		}
	}
	if sure < 500 {
		t.Errorf("only %d of the texts passed", sure)
	}
}

// The look at bytes suffices for files as they are.
func TestSurelyShallowPassesFiles(t *testing.T) {
	for _, text := range []string{manyInstances(3), manyBlocks(300)} {
		if !untrusted.surelyShallow([]byte(text)) {
			t.Errorf("it is scanned twice: %.300s", text)
		}
	}
}

// A line that ends with a comment ends an expression as any other does.
func TestCommentedLinesAreNoLongExpression(t *testing.T) {
	lines := "stack \"s\" {}\nlocals {\nh = <<E\nE\n" + strings.Repeat("%s = 1 + 1 # two\n", 6_000) + "}\n"
	for i := range 6_000 {
		lines = strings.Replace(lines, "%s", "n"+strconv.Itoa(i), 1)
	}
	if _, said := loadText(t, lines, Inputs{}); said != "" {
		t.Errorf("got %.300s", said)
	}
}
