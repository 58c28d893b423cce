package planner

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fairlead-dev/fairlead/spec"
)

// TestEveryOpHasARow: the sealed set of ops, as the source has it, and the table are the same, and no row has a gap.
func TestEveryOpHasARow(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "op.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var sealed, rows []string
	for _, d := range f.Decls {
		if m, ok := d.(*ast.FuncDecl); ok && m.Name.Name == "op" && m.Recv != nil {
			sealed = append(sealed, m.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name)
		}
	}
	names := map[string]bool{}
	for _, r := range opRows {
		rows = append(rows, r.typ.Elem().Name())
		if r.Name == "" || r.Verb == "" || r.Participle == "" || r.Phase < PhasePrepare || r.Phase > PhasePublish {
			t.Errorf("%s: its row has a gap: %+v", r.typ, r)
		}
		if (r.Kind == "") != (r.Phase == PhaseCheck) || (r.Kind == "") != (len(r.roles[roleObject].index) == 0) {
			t.Errorf("%s: a field must be tagged as the ID of its object, unless it is about several", r.typ)
		}
		for _, n := range append(r.former, r.Name) {
			if names[n] {
				t.Errorf("two rows are named %s", n)
			}
			names[n] = true
		}
	}
	slices.Sort(sealed)
	slices.Sort(rows)
	if !slices.Equal(sealed, rows) || len(sealed) < 19 {
		t.Errorf("ops\n%v\nrows\n%v", sealed, rows)
	}
}

// TestTagsOfOps: no tag has a word that means nothing, and each role is of the type that it is read as.
func TestTagsOfOps(t *testing.T) {
	types := map[string]reflect.Kind{roleObject: reflect.String, roleName: reflect.String, roleBefore: reflect.String, roleResult: reflect.String,
		roleWas: reflect.String, roleBytes: reflect.Int64, roleLasts: reflect.Int64, roleMany: reflect.Slice}
	for _, r := range opRows {
		op := r.New()
		fillRequired(r, op)
		for role, f := range r.roles {
			if role == "" || role == "required" {
				continue
			}
			if got := f.of(op); !got.IsValid() || got.Kind() != types[role] {
				t.Errorf("%s.%s: the role %q is unknown, or not of its type", r.Name, f.name, role)
			}
		}
	}
}

// TestRequiredFieldsOfOps: a saved step without one of them is refused, and the error names the op and the field.
func TestRequiredFieldsOfOps(t *testing.T) {
	n := 0
	for _, r := range opRows {
		if r.Kind != "" && len(r.required) == 0 {
			t.Errorf("%s requires no field, not even the ID of its object", r.Name)
		}
		for _, f := range r.required {
			op := r.New()
			fillRequired(r, op)
			if _, err := decodeAgain(r.Name, op); err != nil {
				t.Fatal(err)
			}
			v := f.of(op)
			v.SetZero()
			_, err := decodeAgain(r.Name, op)
			if err == nil || !strings.Contains(err.Error(), r.Name) || !strings.Contains(err.Error(), `"`+f.name+`"`) && !strings.Contains(err.Error(), `"`+f.name+`.`) {
				t.Errorf("%s without %s: %v", r.Name, f.name, err)
			}
			n++
		}
	}
	if n < 34 {
		t.Errorf("%d required fields", n)
	}
}

func fillRequired(r *OpRow, op Op) {
	for _, f := range r.required {
		switch v := f.of(op); v.Kind() {
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
		default:
			v.SetString("x")
		}
	}
}

func decodeAgain(name string, op Op) (Op, error) {
	b, err := json.Marshal(op)
	if err != nil {
		return nil, err
	}
	return decodeOp(fileOp{Kind: name, Op: b})
}

// TestFormerNamesOfOps: plans that an earlier version saved are read.
func TestFormerNamesOfOps(t *testing.T) {
	op, err := decodeAgain("settle", &ClearPending{ID: "a", Name: "web"})
	if err != nil || !reflect.DeepEqual(op, &ClearPending{ID: "a", Name: "web"}) {
		t.Errorf("%v, %v", op, err)
	}
}

// TestImageOpsExpectTheirRecord: each op that changes a record is told what the record points at now.
func TestImageOpsExpectTheirRecord(t *testing.T) {
	for _, r := range opRows {
		op := r.New()
		fillRequired(r, op)
		Expect(op, map[string]*LiveImage{"x": {Digest: "sha256:1"}})
		want := ""
		if r.Kind == spec.KindImage && r.Phase != PhasePublish {
			want = "sha256:1"
		}
		if got := r.text(op, roleBefore); got != want {
			t.Errorf("%s expects %q, not %q", r.Name, got, want)
		}
	}
}
