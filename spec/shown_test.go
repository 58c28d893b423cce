package spec

import "testing"

func TestShown(t *testing.T) {
	for at, want := range map[string]string{
		"/a/b@c":                            "/a/b@c",
		"https://example.com/x@1.tar":       "https://example.com/x@1.tar",
		"https://me:pw@example.com/x.tar":   "https://xxxxx@example.com/x.tar",
		"https://token@example.com/x.git#m": "https://xxxxx@example.com/x.git#m",
		"https://me:p%@example.com/x":       "https://xxxxx@example.com/x",
		"git@example.com:x/y.git":           "git@example.com:x/y.git",
	} {
		if got := Shown(at); got != want {
			t.Errorf("%s: got %s, want %s", at, got, want)
		}
	}
}
