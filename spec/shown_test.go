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
		"me:pw@example.com/x:1":             "xxxxx@example.com/x:1",
		"me:p@w@example.com:5000/x":         "xxxxx@example.com:5000/x",
		"x:1@sha256:0":                      "x:1@sha256:0",
		"example.com/x:1@sha256:0":          "example.com/x:1@sha256:0",
	} {
		if got := Shown(at); got != want {
			t.Errorf("%s: got %s, want %s", at, got, want)
		}
	}
}
