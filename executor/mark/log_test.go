package mark

import (
	"net/url"
	"path/filepath"
	"testing"
)

// TestLogURIs: a log's file is the one that its URI names, whatever is in its path. What a terminal's program gets as its script has the
// path, too.
func TestLogURIs(t *testing.T) {
	for _, dir := range []string{"/var/lib/fairlead/s/id", "/a b/c", "/50%/x", "/50%20/x", "/a#b", "/a?b=c", "/ü/日本", `/a"b'c`, "/a+b&c;d", "/a:b@c", "/[a]{b}", `/back\\slash`, "/$HOME/`x`"} {
		want := filepath.Join(dir, LogFile)
		if got := LogPath(LogURI(dir, false)); got != want {
			t.Errorf("%s: %q, want %q", dir, got, want)
		}
		u, err := url.Parse(LogURI(dir, true))
		if err != nil || len(u.Query()) != 1 || u.Query().Get("-c") == "" {
			t.Errorf("%s: with a terminal: %v %v", dir, u, err)
		}
	}
	for _, uri := range []string{"", "binary:///bin/sh?-c=x", "/plain", "fifo:///a", "file://%zz"} {
		if got := LogPath(uri); got != "" {
			t.Errorf("%q: %q", uri, got)
		}
	}
}
