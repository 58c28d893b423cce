package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"
)

// json ARGS...: runs fairlead with --json, and demands that it writes JSON documents and nothing else.
func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	run(ts, neg, "fairlead", append(args, "--json")...)
	for _, output := range []string{"stdout", "stderr"} {
		text := ts.ReadFile(output)
		for dec := json.NewDecoder(strings.NewReader(text)); ; {
			var doc map[string]any
			if output == "stdout" && args[0] == "output" && len(args) > 1 {
				break // a bare value
			}
			if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				ts.Fatalf("fairlead %s --json: the %s is no JSON: %v\n%s", strings.Join(args, " "), output, err, text)
			}
			if doc["version"] == nil {
				ts.Fatalf("fairlead %s --json: a document of the %s has no version:\n%s", strings.Join(args, " "), output, text)
			}
		}
	}
}

// forged is a line of a plan that hostile texts in scripts try to write.
var forged = regexp.MustCompile(`(?m)^ {0,3}\+ container\.forged`)

// clean ARGS...: runs fairlead, and demands that what it writes has no control characters but those of lines and tabs, and no forged line.
func cmdClean(ts *testscript.TestScript, neg bool, args []string) {
	run(ts, neg, "fairlead", args...)
	for _, output := range []string{"stdout", "stderr"} {
		text := ts.ReadFile(output)
		for _, r := range text {
			if r == utf8.RuneError || r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
				ts.Fatalf("fairlead %s: the %s has %q:\n%q", strings.Join(args, " "), output, r, text)
			}
		}
		if forged.MatchString(text) {
			ts.Fatalf("fairlead %s: the %s has a forged line:\n%s", strings.Join(args, " "), output, text)
		}
	}
}

// TestEveryCommandIsMachineReadable: machine_readable.txtar runs each command with --json.
func TestEveryCommandIsMachineReadable(t *testing.T) {
	script, err := os.ReadFile("testdata/script/machine_readable.txtar")
	if err != nil {
		t.Fatal(err)
	}
	cmd := (&app{}).root()
	cmd.InitDefaultCompletionCmd()
	for _, c := range cmd.Commands() {
		if !regexp.MustCompile(`(?m)^(! )?json ` + c.Name() + `\b`).Match(script) {
			t.Errorf("%s: machine_readable.txtar does not run it with --json", c.Name())
		}
	}
}

// TestEveryDocumentIsDocumented: docs/json.md names the document of each command.
func TestEveryDocumentIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	format := regexp.MustCompile(`"(fairlead\.[a-z]+)"`)
	for _, dir := range []string{".", "../internal/view"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range format.FindAllSubmatch(text, -1) {
				if !strings.HasSuffix(f, "_test.go") && !bytes.Contains(page, append(append([]byte("`"), m[1]...), '`')) {
					t.Errorf("%s: docs/json.md says nothing of %s", f, m[1])
				}
			}
		}
	}
}

// TestOutputsAreWrittenInOnePlace: what the package writes goes through the outputs that clean it.
func TestOutputsAreWrittenInOnePlace(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	raw := regexp.MustCompile(`\bfmt\.Print|\bos\.Std(out|err)\b`)
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") || f.Name() == "terminal.go" {
			continue
		}
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if raw.MatchString(line) {
				t.Errorf("%s:%d: write to stdout or stderr of terminal.go: %s", f.Name(), i+1, strings.TrimSpace(line))
			}
		}
	}
}
