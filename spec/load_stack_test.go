package spec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
)

func TestLoadStackNeedsTheNameAlone(t *testing.T) {
	const torn = "container \"web\" {\n  image = \"x\n  env = {\n"
	for name, c := range map[string]struct {
		files map[string]string
		in    Inputs
		want  string // name and namespace, or the summaries of the errors
		warns int
	}{
		"good":                       {map[string]string{"s": "stack \"a\" { namespace = \"n\" }\nvariable \"v\" {}\noutput \"o\" { value = file(\"gone\") }"}, Inputs{}, "a n", 0},
		"another version":            {map[string]string{"s": "stack \"a\" { requires = \">= 99\" }"}, Inputs{Version: "1.0.0"}, "a default", 0},
		"unknown words":              {map[string]string{"s": "stack \"a\" {}\nfoo \"x\" {}\nbar = 1\ncontainer {}"}, Inputs{}, "a default", 0},
		"other file is torn":         {map[string]string{"s": "stack \"a\" {}", "t": torn}, Inputs{}, "a default", 1},
		"torn after the stack":       {map[string]string{"s": "stack \"a\" { namespace = \"n\" }\n" + torn}, Inputs{}, "a n", 1},
		"torn before the stack":      {map[string]string{"s": "container \"x\" {\n  image = = 1\n}\nstack \"a\" { namespace = \"n\" }\n"}, Inputs{}, "a n", 1},
		"stack block torn":           {map[string]string{"s": "stack \"a\" {\n  namespace = \n"}, Inputs{}, "Namespace not known", 1},
		"stack block torn, given":    {map[string]string{"s": "stack \"a\" {\n  namespace = \n"}, Inputs{Namespace: "m"}, "a m", 1},
		"stack block not closed":     {map[string]string{"s": "stack \"a\" {\n"}, Inputs{}, "Namespace not known", 1},
		"namespace by a variable":    {map[string]string{"s": "stack \"a\" { namespace = var.x }"}, Inputs{}, "Variables not allowed", 0},
		"no stack block":             {map[string]string{"s": "locals {}"}, Inputs{}, "No stack", 0},
		"all torn":                   {map[string]string{"s": torn}, Inputs{}, "Stack not known,Invalid multi-line string,Unterminated template string,Invalid multi-line string", 0},
		"two stacks":                 {map[string]string{"s": "stack \"a\" {}", "t": "stack \"b\" {}"}, Inputs{}, "Second stack", 0},
		"two stacks, one named":      {map[string]string{"s": "stack \"a\" {}", "t": "stack \"b\" { namespace = \"n\" }"}, Inputs{Stack: "b"}, "b n", 0},
		"one stack in two files":     {map[string]string{"s": "stack \"a\" { namespace = \"n\" }", "t": "stack \"a\" {\n  namespace = \"n\"\n}"}, Inputs{}, "a n", 0},
		"two namespaces":             {map[string]string{"s": "stack \"a\" {}", "t": "stack \"a\" { namespace = \"n\" }"}, Inputs{Stack: "a"}, "Second stack", 0},
		"two namespaces, given":      {map[string]string{"s": "stack \"a\" {}", "t": "stack \"a\" { namespace = var.x }"}, Inputs{Stack: "a", Namespace: "n"}, "a n", 0},
		"no files":                   {nil, Inputs{}, "No files,Stack not known", 0},
		"no files, named":            {nil, Inputs{Stack: "b"}, "b default", 0},
		"no files, named, namespace": {nil, Inputs{Stack: "b", Namespace: "n"}, "b n", 0},
		"all torn, named":            {map[string]string{"s": torn}, Inputs{Stack: "b"}, "b default", 1},
		"renamed since":              {map[string]string{"s": "stack \"a\" { namespace = \"n\" }"}, Inputs{Stack: "b"}, "b default", 0},
		"bad name":                   {nil, Inputs{Stack: "B b"}, "Bad name", 0},
		"bad namespace":              {nil, Inputs{Stack: "b", Namespace: "/"}, "Bad namespace", 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for n, text := range c.files {
				if err := os.WriteFile(filepath.Join(dir, n+FileSuffix), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			cfg, diags := LoadStack(dir, c.in)
			var errs []string
			warns := 0
			for _, d := range diags {
				if d.Severity == hcl.DiagError {
					errs = append(errs, d.Summary)
				} else {
					warns++
				}
			}
			got := strings.Join(errs, ",")
			if len(errs) == 0 {
				got = cfg.Stack.Name + " " + cfg.Stack.Namespace
			}
			if got != c.want || warns != c.warns {
				t.Errorf("got %q and %d warnings, want %q and %d: %v", got, warns, c.want, c.warns, diags)
			}
		})
	}
}
