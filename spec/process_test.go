package spec

import (
	"strings"
	"testing"
)

// TestProcessTrouble: the kernel's limits are met to the byte, and no value is in what is said.
func TestProcessTrouble(t *testing.T) {
	long := strings.Repeat("x", 128<<10-1)
	many := make([]string, 17)
	for i := range many {
		many[i] = "V=" + long[:120<<10]
	}
	for name, c := range map[string]struct {
		args, env []string
		says      string
	}{
		"nothing":              {},
		"as much as goes":      {args: []string{"/x", long}, env: []string{"A=" + long[2:]}},
		"an argument too long": {args: []string{"/x", long + "x"}, says: "an argument is 131072 bytes long"},
		"a variable too long":  {env: []string{"A=" + long}, says: `"A" is 131073 bytes long with its name`},
		"too much together":    {args: []string{"/x"}, env: many, says: "together"},
		"no program":           {args: []string{"", "x"}, says: "no name"},
		"empty arguments":      {args: []string{"/x", ""}},
		"a long path":          {args: []string{strings.Repeat("/xxxxxxx", 511) + "/xxxxxx"}},
		"a path too long":      {args: []string{strings.Repeat("/xxxxxxx", 512)}, says: "the path of its program is 4096 bytes long"},
		"a name too long":      {args: []string{"/a/" + long[:256]}, says: "a name of 256 bytes"},
		"a zero byte":          {args: []string{"/x", "a\x00"}, says: "zero byte"},
		"no name":              {env: []string{"=x"}, says: "no name"},
	} {
		if got := ProcessTrouble(c.args, c.env); (got == "") != (c.says == "") || !strings.Contains(got, c.says) || strings.Contains(got, "xxx") {
			t.Errorf("%s: %.200q, want %q", name, got, c.says)
		}
	}
}

// TestUserTrouble: what no image's files can make somebody.
func TestUserTrouble(t *testing.T) {
	for user, says := range map[string]string{"": "", "bob": "", "0": "", "2147483647:0": "", "bob:": "", "2147483648": "number", "1:99999999999999999999": "number", "-1": "number", "a:b:c": "colon"} {
		if got := UserTrouble(user); (got == "") != (says == "") || !strings.Contains(got, says) {
			t.Errorf("%q: %q, want %q", user, got, says)
		}
	}
}
