package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/pmezard/go-difflib/difflib"
	"github.com/spf13/cobra"

	"github.com/fairlead-dev/fairlead/cmd/internal/view"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// starter is the stack that init writes: small, and working where the image can be pulled.
const starter = `stack %q {}

variable "version" {
  type    = string
  default = "latest"
}

image "web" {
  pull = "docker.io/library/nginx:${var.version}"
}

container "web" {
  image        = image.web
  network_mode = "host"
  restart      = "always"
}
`

func initCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "init", Short: "write a small working stack and a .gitignore", Args: cobra.NoArgs,
		Example: "  mkdir shop && fairlead -C shop init",
		RunE: func(*cobra.Command, []string) error {
			files, err := a.files()
			if err != nil {
				return err
			}
			if len(files) > 0 {
				return fmt.Errorf("%s: there is a stack already: nothing was written", files[0])
			}
			dir, err := filepath.Abs(a.dir)
			if err != nil {
				return err
			}
			name := stackName(filepath.Base(dir))
			for _, file := range []struct{ name, text string }{
				{name + ".fairlead.hcl", fmt.Sprintf(starter, name)},
				{".gitignore", "*.plan\n*.auto.vars.hcl\n"},
			} {
				err := spec.CreateFile(filepath.Join(a.dir, file.name), 0o644, spec.Content([]byte(file.text)))
				if errors.Is(err, fs.ErrExist) {
					continue // what is there is the user's
				}
				if err != nil {
					return err
				}
				stdout.say("wrote %s\n", file.name)
			}
			a.printNote("Next: fairlead plan")
			return nil
		},
	}
}

// files are the paths of the stack's files.
func (a *app) files() ([]string, error) {
	files, err := spec.Files(a.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such directory. Name the stack's directory with -C", a.dir)
	}
	return files, err
}

// stackName makes a name that a stack can have out of a directory's.
func stackName(dir string) string {
	name := strings.TrimLeft(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, dir), "-0123456789")
	name = strings.TrimRight(name[:min(len(name), 40)], "-")
	if name == "" {
		return "stack"
	}
	return name
}

func validateCommand(a *app) *cobra.Command {
	var n scopeFlags
	cmd := &cobra.Command{
		Use: "validate", Short: "check the files; needs no containerd", Args: cobra.NoArgs,
		Example: "  fairlead validate\n  fairlead -C shop validate --json",
		RunE: func(*cobra.Command, []string) error {
			cfg, diags := a.parse(&n)
			if a.json {
				if err := view.DiagnosticsJSON(stdout, diags); err != nil {
					return err
				}
				if diags.HasErrors() {
					return exitCode(exitTrouble)
				}
				return nil
			}
			if err := a.printDiagnostics(diags, cfg.Files); err != nil {
				return err
			}
			stdout.say("Valid: stack %q, %s, %s.\n", cfg.Stack.Name, planner.Count(len(spec.Of[*spec.Image](cfg)), "image"), planner.Count(len(spec.Of[*spec.Container](cfg)), "container"))
			return nil
		},
	}
	n.addInputFlags(cmd)
	return cmd
}

func fmtCommand(a *app) *cobra.Command {
	var check, diff bool
	cmd := &cobra.Command{
		Use: "fmt", Short: "format the files", Args: cobra.NoArgs,
		Example: "  fairlead fmt\n  fairlead fmt --check --diff   # exit 1 where something would change",
		RunE: func(*cobra.Command, []string) error {
			files, err := a.files()
			if err != nil {
				return err
			}
			if len(files) == 0 {
				return fmt.Errorf("%s: there is no *.fairlead.hcl file in it. Name another directory with -C", a.dir)
			}
			changed := false
			for _, path := range files {
				c, err := a.format(path, check, diff)
				if err != nil {
					return err
				}
				changed = changed || c
			}
			if check && changed {
				return exitCode(exitTrouble)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; exit 1 where a file would change")
	cmd.Flags().BoolVar(&diff, "diff", false, "show what changes")
	return cmd
}

// format formats one file, and tells whether that changes it. A file that doesn't parse is left alone.
func (a *app) format(path string, check, diff bool) (bool, error) {
	before, err := spec.ReadSource(path, a.trust)
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	if file, diags := spec.Parse(before, path, a.trust); diags.HasErrors() {
		return false, a.printDiagnostics(diags, map[string]*hcl.File{path: file})
	}
	after := hclwrite.Format(before)
	if bytes.Equal(before, after) {
		return false, nil
	}
	stdout.say("%s\n", path)
	if diff {
		text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
			A: difflib.SplitLines(string(before)), B: difflib.SplitLines(string(after)), FromFile: path, ToFile: path, Context: 3})
		if err != nil {
			return true, err
		}
		fmt.Fprint(stdout, text)
	}
	if check {
		return true, nil
	}
	return true, spec.RewriteFile(path, spec.Content(after))
}

func graphCommand(a *app) *cobra.Command {
	var format string
	var n scopeFlags
	cmd := &cobra.Command{
		Use: "graph", Short: "draw what refers to what; needs no containerd", Args: cobra.NoArgs,
		Example: "  fairlead graph | dot -Tsvg > stack.svg\n  fairlead graph --format mermaid",
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.load(&n)
			if err != nil {
				return err
			}
			return view.Graph(stdout, cfg, format)
		},
	}
	n.addInputFlags(cmd)
	cmd.Flags().StringVar(&format, "format", "dot", "dot or mermaid")
	return cmd
}

func versionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "show fairlead's version", Args: cobra.NoArgs, Example: "  fairlead version --json",
		RunE: func(*cobra.Command, []string) error { return a.version() },
	}
}

func (a *app) version() error {
	if a.json {
		return view.JSON(stdout, map[string]any{"format": "fairlead.version", "version": view.Version, "fairlead": version})
	}
	stdout.say("fairlead %s\n", version)
	return nil
}
