package build

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// fairlead's lock file is neither hashed nor sent, at any depth, in any context, and whatever the ignore file says. What only has a name like it is.
func TestLockFileIsInNoContext(t *testing.T) {
	for name, ignore := range map[string]string{"no rules": "", "an exception": "*\n!" + spec.LockFile + "\n!sub\n", "a wildcard": "b*\n!**/.f*\n"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, ignoreName, ignore)
			for _, at := range []string{"kept", "x" + spec.LockFile, "sub/" + spec.LockFile + ".bak"} {
				write(t, dir, at, "")
			}
			must(t, os.Mkdir(filepath.Join(dir, "named"), 0o755))
			must(t, os.Mkdir(filepath.Join(dir, "dir"), 0o755))
			must(t, os.Mkdir(filepath.Join(dir, "dir", spec.LockFile), 0o755)) // nothing that fairlead writes
			read := func() (planner.Inputs, *Local) {
				b := spec.Build{Context: dir, Inline: "FROM scratch\nCOPY . /\nCOPY --from=more . /more/\n", Contexts: map[string]spec.BuildContext{"more": {Dir: filepath.Join(dir, "named")}}}
				r := mustRead(t, b, Options{})
				_, err := r.Local.Prepare(t.Context(), "")
				must(t, err)
				return r.Inputs, r.Local
			}
			before, _ := read()
			write(t, dir, spec.LockFile, "1")
			write(t, dir, "sub/"+spec.LockFile, "1")
			write(t, dir, "named/"+spec.LockFile, "1")
			after, local := read()
			if diff := gocmp.Diff(before, after); diff != "" {
				t.Errorf("(-before +after): %s", diff)
			}
			for context, d := range local.Dirs {
				var hashed, sent []string
				for _, i := range after {
					prefix := ""
					if context != "" {
						prefix = context + ":"
					}
					if rest, ok := strings.CutPrefix(i.Name, prefix); ok && i.Kind == planner.InputFile && (prefix != "" || !strings.HasPrefix(i.Name, "more:")) {
						hashed = append(hashed, rest)
					}
				}
				must(t, d.Walk(t.Context(), "", func(path string, _ fs.DirEntry, err error) error {
					sent = append(sent, path)
					return err
				}))
				slices.Sort(sent)
				if slices.Sort(hashed); !slices.Equal(hashed, sent) {
					t.Errorf("context %q: hashed %q, sent %q", context, hashed, sent)
				}
			}
		})
	}
}

// What fairlead itself writes is refused where a context would take it in, and not where it is left out or elsewhere.
func TestOwnFilesAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		path, ignore string
		refused      bool
		copied       string // by the Dockerfile; "": all
	}{
		"in it":                    {"next.plan", "", true, ""},
		"below, not there yet":     {"a/b/next.plan", "", true, ""},
		"left out":                 {"next.plan", "*.plan\n", false, ""},
		"left out by a directory":  {"a/b/next.plan", "a\n", false, ""},
		"left out by two stars":    {"a/b/next.plan", "a/**\n", false, ""},
		"an exception":             {"next.plan", "*\n!next.plan\n", true, ""},
		"an exception below":       {"a/next.plan", "a\n!a/next.plan\n", true, ""},
		"an exception for another": {"a/next.plan", "a\n!a/b\n", false, ""},
		"beside it":                {"../next.plan", "", false, ""},
		"a name that begins so":    {"../context2/next.plan", "", false, ""},
		"by a link into it":        {"../link/next.plan", "", true, ""},
		"by a link out of it":      {"out/next.plan", "", false, ""},
		"the lock file":            {spec.LockFile, "", false, ""},
		"not copied":               {"next.plan", "", false, "src"},
		"copied by a pattern":      {"next.plan", "", true, "n*"},
		"in what is copied":        {"src/a/next.plan", "", true, "src"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			dir := filepath.Join(root, "context")
			write(t, dir, ignoreName, tt.ignore)
			write(t, dir, "src/file", "")
			must(t, os.Mkdir(filepath.Join(root, "elsewhere"), 0o755))
			must(t, os.Symlink("context", filepath.Join(root, "link")))
			must(t, os.Symlink("../elsewhere", filepath.Join(dir, "out")))
			own := []spec.OwnFile{{Path: filepath.Join(dir, tt.path), Advice: "Write it elsewhere"}}
			_, err := Read(t.Context(), &spec.Build{Context: dir, Inline: "FROM scratch\nCOPY " + cmp.Or(tt.copied, ".") + " /\n"}, Options{Host: amd64, Own: own})
			if refused := err != nil && strings.Contains(err.Error(), "fairlead itself writes it") && strings.Contains(err.Error(), "Write it elsewhere, or leave it out by .dockerignore"); refused != tt.refused || !refused && err != nil {
				t.Errorf("%v", err)
			}
		})
	}
}
