package ctrd

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// Where a runtime can't make a working directory, and where it can't enter it.
var (
	mkdirFailed = regexp.MustCompile(`\bmkdir (/.*): ([^:]+)$`)
	chdirFailed = regexp.MustCompile(`\bchdir to cwd .*: ([^:]+)$`)
)

// explainWorkingDir says what is wrong with the working directory of a container of an image, if that is what the runtime's text is about; else "".
func explainWorkingDir(text, dir, image string) string {
	at, why := dir, ""
	if m := mkdirFailed.FindStringSubmatch(text); m != nil {
		at, why = m[1], m[2]
	} else if m := chdirFailed.FindStringSubmatch(text); m != nil {
		why = m[1]
	}
	if why == "" || !strings.HasPrefix(path.Clean(dir)+"/", strings.TrimSuffix(at, "/")+"/") {
		return ""
	}
	if why == "not a directory" || why == "file exists" {
		return fmt.Sprintf("its working directory can't be %s: in the container (image %s), %s is no directory. Set working_dir to a directory, or to a path where nothing is: it is created", dir, image, at)
	}
	return fmt.Sprintf("its working directory can't be %s: in the container (image %s), %s: %s. Set working_dir to a directory that the container's user may enter", dir, image, at, why)
}
