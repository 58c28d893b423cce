package planner

import (
	"cmp"
	"strings"
)

// The functions below shorten what the host calls its objects, for people.

// short is a container's ID as people see it.
func short(id string) string { return id[:min(len(id), 12)] }

func shortDigest(d string) string {
	alg, hex, ok := strings.Cut(d, ":")
	if !ok {
		return cmp.Or(d, "unknown")
	}
	return alg + ":" + hex[:min(len(hex), 12)]
}

// familiar is an image's name without what everybody leaves out.
func familiar(name string) string {
	name = strings.TrimPrefix(name, "docker.io/")
	return strings.TrimPrefix(name, "library/")
}
