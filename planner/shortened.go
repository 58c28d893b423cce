package planner

import (
	"cmp"
	"strconv"
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
