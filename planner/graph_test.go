package planner

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand"
	"os"
	"strings"
	"testing"

	"github.com/fairlead-dev/fairlead/spec"
)

// TestOnlyTheGraphMakesEdges: no other file writes what a step comes after.
func TestOnlyTheGraphMakesEdges(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	inGraph := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		edge := func(at ast.Expr) {
			s, ok := at.(*ast.SelectorExpr)
			if !ok || s.Sel.Name != "after" && s.Sel.Name != "weak" && s.Sel.Name != "wait" {
				return
			}
			if f.Name() == "graph.go" {
				inGraph++
			} else {
				t.Errorf("%s: it makes an edge; declare a fact instead", fset.Position(s.Pos()))
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, l := range n.Lhs {
					edge(l)
				}
			case *ast.CallExpr:
				edge(n.Fun)
			case *ast.KeyValueExpr:
				if k, ok := n.Key.(*ast.Ident); ok && (k.Name == "after" || k.Name == "weak") {
					edge(&ast.SelectorExpr{X: k, Sel: k})
				}
			}
			return true
		})
	}
	if inGraph < 5 {
		t.Errorf("the test sees %d edges in graph.go", inGraph)
	}
}

// TestStagesAreOfOneChange: a step waits for steps of other changes by facts alone.
func TestStagesAreOfOneChange(t *testing.T) {
	n := 0
	for seed := range int64(20) {
		w := &world{r: rand.New(rand.NewSource(seed))}
		h := newModel(sources())
		for range 3 {
			cfg := w.config()
			pb, p := madeBy(t, cfg, h, Options{NewID: w.newID})
			for _, d := range pb.steps {
				for _, s := range d.stages {
					n++
					if s.change != d.change {
						t.Fatalf("%s after %s, of another change", Verb(d.op), Verb(s.op))
					}
				}
			}
			if err := h.apply(p, -1, w.r.Intn); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n < 100 {
		t.Fatalf("only %d stages", n)
	}
}

// TestStepsInACircle: a fault of planner is an error, not a panic, and nothing of the plan may be run.
func TestStepsInACircle(t *testing.T) {
	pb := newPlanBuilder(&spec.Config{}, &State{}, &Sources{}, Options{})
	w := pb.add(spec.Addr{}, Update, "relabel", nil)
	w.step(&RelabelImage{Name: "a"}).need(gone("b")).give(gone("a"))
	w.step(&RelabelImage{Name: "b"}).need(gone("a")).give(gone("b"))
	pb.connect()
	pb.order()
	if !pb.diags.HasErrors() || len(pb.steps) > 0 {
		t.Errorf("%v, %d steps", pb.diags, len(pb.steps))
	}
}
