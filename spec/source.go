package spec

import (
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Schemes of the URLs that a build takes as context, and those that a root filesystem is fetched from.
var (
	contextSchemes = []string{"git", "http", "https", "ssh"}
	importSchemes  = []string{"http", "https"}
)

// gitRemote matches what is a git repository without a scheme: git@HOST:PATH, or HOST/PATH.git with a host that has a dot or a port.
var gitRemote = regexp.MustCompile(`^(git@[^/]+|[A-Za-z0-9][A-Za-z0-9-]*(\.[A-Za-z0-9-]+)+(:[0-9]+)?/.+\.git(#.*)?$|[A-Za-z0-9-]+:[0-9]+/.+\.git(#.*)?$)`)

// urlScheme gives the scheme of a URL, which is git for a repository without one; "" for a path.
func urlScheme(s string) string {
	if scheme, _, ok := strings.Cut(s, "://"); ok {
		return scheme
	}
	if gitRemote.MatchString(s) {
		return "git"
	}
	return ""
}

// pathOrURL reads a URL of one of the schemes, which stays as it is, or a path, relative to the stack's directory.
func (d *decoder) pathOrURL(attrs hcl.Attributes, attr, what string, schemes []string) string {
	s, here, ok := d.text(attrs, attr)
	if !ok {
		return ""
	}
	switch scheme := urlScheme(s); {
	case scheme == "":
		return d.hostPath(attrs, attr, what)
	case !slices.Contains(schemes, scheme):
		d.fail(badScheme(here, attr, scheme, schemes))
		return ""
	}
	return s
}

func badScheme(at hcl.Range, attr, scheme string, schemes []string) *hcl.Diagnostic {
	return fault(at, "Bad URL", "The attribute %s takes URLs of the schemes %s, and this one's is %q.%s", attr, quotedList(schemes, "and"), scheme, DidYouMean(scheme, schemes))
}
