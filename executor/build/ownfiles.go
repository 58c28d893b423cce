package build

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/fairlead-dev/fairlead/spec"
)

// refuseOwnFiles fails if the tree takes in one of the files, whether it is there yet or not.
func (t *tree) refuseOwnFiles(files []spec.OwnFile) error {
	for _, f := range files {
		rel, inside := f.Inside(t.root)
		if !inside {
			continue
		}
		taken, err := t.letsThrough(rel)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(t.root, rel), err)
		}
		if taken {
			return fmt.Errorf("%s: fairlead itself writes it, so each plan would be followed by another build. %s, or leave it out by %s", shownPath(filepath.Join(t.root, rel)), f.Advice, ignoreName)
		}
	}
	return nil
}

// letsThrough tells whether the rules let a file through, and each directory that it is in.
func (t *tree) letsThrough(rel string) (bool, error) {
	r, err := newRules(t.exclude, t.include)
	if err != nil {
		return false, err
	}
	var says verdict
	var match matched
	for end := 0; end < len(rel); end++ {
		next := strings.IndexByte(rel[end:], '/')
		isDirectory := next >= 0
		if end = end + next; !isDirectory {
			end = len(rel)
		}
		if says, match, err = r.judge(rel[:end], isDirectory, match); err != nil || says == passedOver {
			return false, err
		}
	}
	return says == letThrough, nil
}
