package spec

import (
	"path/filepath"
	"strings"
)

// OwnFile is a file or a directory that fairlead itself writes while it plans or applies. What is built or imported can't have it in it: it would
// be another after each plan.
type OwnFile struct {
	Path   string // absolute; it need not be there yet
	Advice string // how it is kept elsewhere, as the beginning of a sentence
}

// Inside gives the path in dir, with slashes; it isn't ok if the file is elsewhere. dir has no symbolic links.
func (f OwnFile) Inside(dir string) (rel string, ok bool) {
	parent := filepath.Dir(f.Path)
	for rest := ""; ; parent, rest = filepath.Dir(parent), filepath.Join(filepath.Base(parent), rest) {
		if real, err := filepath.EvalSymlinks(parent); err == nil {
			parent = filepath.Join(real, rest)
			break
		}
		if parent == filepath.Dir(parent) {
			return "", false
		}
	}
	rel, err := filepath.Rel(dir, filepath.Join(parent, filepath.Base(f.Path)))
	if err != nil || rel == "." || rel == ".." || strings.HasPrefix(rel, "../") {
		return "", false
	}
	return filepath.ToSlash(rel), true
}
