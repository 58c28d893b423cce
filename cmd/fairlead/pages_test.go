package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPagesNameWhatIsThere: each Go file, test, and function after its file, that the pages for contributors name is there.
func TestPagesNameWhatIsThere(t *testing.T) {
	const root = "../.."
	var files []string
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+|Fuzz\w+|Benchmark\w+)\(`)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == ".git" || e.Name() == "bin"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go"):
			return nil
		}
		rel, _ := filepath.Rel(root, path)
		files = append(files, "/"+rel)
		if strings.HasSuffix(path, "_test.go") {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range declared.FindAllSubmatch(text, -1) {
				tests[string(m[1])] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([\\w/]+\\.go)`")
	function := regexp.MustCompile("`([\\w/]+\\.go)` `(?:(\\w+)\\.)?(\\w+)`")
	test := regexp.MustCompile("`(Test[A-Z]\\w+|Fuzz[A-Z]\\w+)(…?)`")
	for _, page := range []string{"docs/architecture.md", "docs/contributing.md"} {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			there := strings.Contains(m[1], "KIND") // stands for the name of a kind
			for _, f := range files {
				there = there || strings.HasSuffix(f, "/"+m[1])
			}
			if !there {
				t.Errorf("%s names %s, which is not there", page, m[1])
			}
		}
		for _, m := range function.FindAllStringSubmatch(string(text), -1) {
			code, err := os.ReadFile(filepath.Join(root, m[1]))
			if err != nil {
				t.Fatal(err)
			}
			receiver := ""
			if m[2] != "" {
				receiver = `\(\w+ \*?` + m[2] + `\) `
			}
			if !regexp.MustCompile(`(?m)^func ` + receiver + m[3] + `[\[(]`).Match(code) {
				t.Errorf("%s names %s in %s, which is not there", page, strings.TrimPrefix(m[2]+"."+m[3], "."), m[1])
			}
		}
		for _, m := range test.FindAllStringSubmatch(string(text), -1) {
			there := tests[m[1]]
			for name := range tests {
				there = there || m[2] != "" && strings.HasPrefix(name, m[1])
			}
			if !there {
				t.Errorf("%s names %s, which is not there", page, m[1])
			}
		}
	}
}
