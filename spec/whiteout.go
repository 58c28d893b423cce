package spec

import (
	"path"
	"strings"
)

// WhiteoutPrefix is what a name begins with by which image layers mark what is removed, by OCI's image specification.
const WhiteoutPrefix = ".wh."

// InWhiteout tells whether a path, with slashes, has such a name, or one of the directories that it is in.
func InWhiteout(name string) bool {
	for part := range strings.SplitSeq(path.Clean(name), "/") {
		if strings.HasPrefix(part, WhiteoutPrefix) {
			return true
		}
	}
	return false
}
