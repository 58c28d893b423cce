package spec

import (
	"net/url"
	"strings"
)

// Shown is a path or a URL as anybody may see it: a user and a password in it are masked, as a user alone may be a token.
func Shown(at string) string {
	scheme, rest, ok := strings.Cut(at, "://")
	if !ok {
		return shownHost(at)
	}
	u, err := url.Parse(at)
	if err == nil && u.User == nil {
		return at
	}
	authority, _, _ := strings.Cut(rest, "/") // also of what is no URL that can be parsed
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		return scheme + "://xxxxx@" + rest[i+1:]
	}
	return at
}

// shownHost masks USER:PASSWORD@ before the host of what has no scheme, as an image reference.
func shownHost(at string) string {
	if host, rest, ok := strings.Cut(at, "/"); ok {
		if i := strings.LastIndex(host, "@"); i > 0 && strings.Contains(host[:i], ":") {
			return "xxxxx@" + host[i+1:] + "/" + rest
		}
	}
	return at
}
