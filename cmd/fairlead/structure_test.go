package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fairlead-dev/fairlead/planner"
)

// largest is how many lines a package may have, without tests, unless docs/architecture.md says why it has more.
const largest = 3000

// sourceFile is a file that ships, as a tree.
type sourceFile struct {
	path  string // from the module's root
	tree  *ast.File
	lines int
}

func sourceFiles(t *testing.T) []sourceFile {
	t.Helper()
	var out []sourceFile
	for _, root := range []string{"cmd", "executor", "planner", "spec"} {
		err := filepath.WalkDir("../../"+root, func(path string, e fs.DirEntry, err error) error {
			switch name := strings.TrimPrefix(path, "../../"); {
			case err != nil:
				return err
			case e.IsDir() && (e.Name() == "testdata" || slices.Contains(supports, name)):
				return filepath.SkipDir
			case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			default:
				src, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				tree, err := parser.ParseFile(token.NewFileSet(), path, src, parser.SkipObjectResolution)
				out = append(out, sourceFile{name, tree, strings.Count(string(src), "\n")})
				return err
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// kindNames are what tells a kind of resource or an op: constants of spec.Kind, and the types of blocks, live objects and ops.
func kindNames(files []sourceFile) map[string]bool {
	out := map[string]bool{}
	for _, f := range files {
		for _, d := range f.tree.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				switch s := s.(type) {
				case *ast.ValueSpec:
					if id, ok := s.Type.(*ast.Ident); ok && f.tree.Name.Name == "spec" && id.Name == "Kind" {
						for i, n := range s.Names {
							out["spec."+n.Name] = true
							out[s.Values[i].(*ast.BasicLit).Value] = true
						}
					}
				case *ast.TypeSpec:
					if x, ok := s.Type.(*ast.StructType); ok && embeds(x, "Block", "Live") {
						out[f.tree.Name.Name+"."+s.Name.Name] = true
					}
				}
			}
		}
	}
	for _, r := range planner.OpRows() {
		out[strings.TrimPrefix(fmt.Sprintf("%T", r.New()), "*")] = true
	}
	return out
}

func embeds(x *ast.StructType, names ...string) bool {
	return slices.ContainsFunc(x.Fields.List, func(f *ast.Field) bool {
		id, ok := f.Type.(*ast.Ident)
		return ok && len(f.Names) == 0 && slices.Contains(names, id.Name)
	})
}

// TestNothingAsksForAKind: what differs from kind to kind, or from op to op, is in the tables' rows.
func TestNothingAsksForAKind(t *testing.T) {
	files := sourceFiles(t)
	names := kindNames(files)
	if !names["spec.KindImage"] || !names["spec.Container"] || !names["planner.LiveImage"] || !names["planner.StopTask"] {
		t.Fatalf("names not found, only %v", slices.Sorted(maps.Keys(names)))
	}
	for _, f := range files {
		for _, d := range f.tree.Decls {
			site := f.path
			if fn, ok := d.(*ast.FuncDecl); ok {
				site += ", " + fn.Name.Name
			}
			ast.Inspect(d, func(n ast.Node) bool {
				if name := askedFor(n, f.tree.Name.Name, names); name != "" {
					t.Errorf("%s: asks for %s: put what differs into a row of the kinds' or the ops' table", site, name)
				}
				return true
			})
		}
	}
}

// askedFor gives the kind or op that a node asks for: a case of a switch, a comparison, or a type assertion.
func askedFor(n ast.Node, pkg string, names map[string]bool) string {
	var asked []ast.Expr
	switch n := n.(type) {
	case *ast.CaseClause:
		asked = n.List
	case *ast.BinaryExpr:
		if n.Op == token.EQL || n.Op == token.NEQ {
			asked = []ast.Expr{n.X, n.Y}
		}
	case *ast.AssignStmt: // an assertion that may fail; one that may not is a row's function that takes its own kind
		if x, ok := n.Rhs[0].(*ast.TypeAssertExpr); ok && len(n.Lhs) == 2 && len(n.Rhs) == 1 {
			asked = []ast.Expr{x.Type}
		}
	}
	for _, x := range asked {
		name := qualified(x, pkg)
		if lit, ok := x.(*ast.BasicLit); ok && pkg == "spec" { // elsewhere "image" is an attribute
			name = lit.Value
		}
		if names[name] {
			return name
		}
	}
	return ""
}

// qualified gives the name of what an expression names, with its package; "" where it is more than a name.
func qualified(x ast.Expr, pkg string) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return qualified(x.X, pkg)
	case *ast.CallExpr: // a conversion, as string(spec.KindImage)
		if len(x.Args) == 1 {
			return qualified(x.Args[0], pkg)
		}
	case *ast.SelectorExpr:
		if id, ok := x.X.(*ast.Ident); ok {
			return id.Name + "." + x.Sel.Name
		}
	case *ast.Ident:
		return pkg + "." + x.Name
	}
	return ""
}

// TestPackagesAreSmall: a package that holds several ideas grows until nobody has read it.
func TestPackagesAreSmall(t *testing.T) {
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]bool{}
	_, section, _ := strings.Cut(string(page), "\n## Large packages\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [^|]+ \\|$").FindAllStringSubmatch(section, -1) {
		reasons[row[1]] = true
	}
	lines := map[string]int{}
	for _, f := range sourceFiles(t) {
		lines[filepath.Dir(f.path)] += f.lines
	}
	for dir, n := range lines {
		if n > largest && !reasons[dir] {
			t.Errorf("%s has %d lines: split it, or say in docs/architecture.md, Large packages, why it is one", dir, n)
		}
	}
	for dir := range reasons {
		if lines[dir] <= largest {
			t.Errorf("%s: docs/architecture.md says why it is large, and it has %d lines", dir, lines[dir])
		}
	}
}

// reachesOut are what a pure package must do without besides packages that layout forbids it: the clock, and files by other ways.
var reachesOut = []string{"time.Now", "time.Since", "time.Until", "time.After", "time.Sleep", "time.NewTimer", "filepath.Abs", "filepath.EvalSymlinks",
	"filepath.Glob", "filepath.Walk", "filepath.WalkDir", "spec.Load", "spec.LoadStack"}

// TestPlannerReachesNothing: the same wishes and the same host give the same plan, wherever and whenever it is made.
func TestPlannerReachesNothing(t *testing.T) {
	for _, f := range sourceFiles(t) {
		if filepath.Dir(f.path) != "planner" {
			continue
		}
		for _, im := range f.tree.Imports {
			path, _ := strconv.Unquote(im.Path.Value)
			if slices.Contains([]string{"io/fs", "io/ioutil", "os/user", "syscall", "math/rand/v2"}, path) || strings.HasPrefix(path, "golang.org/x/sys") {
				t.Errorf("%s imports %s", f.path, path)
			}
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if name := qualified(sel, ""); slices.Contains(reachesOut, name) {
					t.Errorf("%s uses %s: what a plan is made from is given to it", f.path, name)
				}
			}
			return true
		})
	}
}
