package spec

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

var update = flag.Bool("update", false, "write what is got into testdata as what is wanted")

// Each archive in testdata holds a directory's files, and want.json or want.diag. A file named inputs holds what Load is given besides:
// lines like "var a=b", "var-file f", "env A=b", "namespace n", "version v".
func TestLoad(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			in, want := unpack(t, ar, dir)
			cfg, diags := Load(dir, in)
			name, got := "want.json", described(t, cfg)
			if len(diags) > 0 {
				name, got = "want.diag", printed(t, cfg, diags)
			}
			got = strings.ReplaceAll(got, dir, "$DIR")
			if *update {
				writeWant(t, path, ar, name, got)
				return
			}
			if want.Name != name {
				t.Fatalf("%s is wanted, and got %s:\n%s", want.Name, name, got)
			}
			if d := cmp.Diff(string(want.Data), got); d != "" {
				t.Errorf("want -, got +\n%s", d)
			}
		})
	}
}

// unpack writes the archive's files into dir, and gives the inputs and the file of what is wanted.
func unpack(t *testing.T, ar *txtar.Archive, dir string) (in Inputs, want txtar.File) {
	t.Helper()
	for _, f := range ar.Files {
		switch f.Name {
		case "want.json", "want.diag":
			want = f
			continue
		case "inputs":
			in = inputs(t, string(f.Data), dir)
			continue
		}
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return in, want
}

func inputs(t *testing.T, text, dir string) (in Inputs) {
	t.Helper()
	for line := range strings.Lines(text) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch kind {
		case "var":
			in.Vars = append(in.Vars, rest)
		case "var-file":
			in.VarFiles = append(in.VarFiles, filepath.Join(dir, rest))
		case "env":
			in.Environ = append(in.Environ, rest)
		case "namespace":
			in.Namespace = rest
		case "version":
			in.Version = rest
		default:
			t.Fatalf("inputs: %q", line)
		}
	}
	return in
}

func printed(t *testing.T, cfg *Config, diags hcl.Diagnostics) string {
	t.Helper()
	var b bytes.Buffer
	if err := hcl.NewDiagnosticTextWriter(&b, cfg.Files, 0, false).WriteDiagnostics(diags); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// described writes a config as JSON, with what its own JSON leaves out.
func described(t *testing.T, cfg *Config) string {
	t.Helper()
	type resource struct {
		Image     *Image     `json:"image,omitempty"`
		Container *Container `json:"container,omitempty"`
		Needs     []Addr     `json:"needs,omitempty"`
		Unknown   []string   `json:"unknown,omitempty"`
	}
	type output struct {
		Value     json.RawMessage `json:"value,omitempty"`
		Sensitive bool            `json:"sensitive,omitempty"`
		Unknown   bool            `json:"unknown,omitempty"`
	}
	doc := struct {
		Stack      string            `json:"stack"`
		Namespace  string            `json:"namespace"`
		Registries []string          `json:"registries,omitempty"`
		Imports    []string          `json:"imports,omitempty"`
		Emulators  []string          `json:"emulators,omitempty"`
		Outputs    map[string]output `json:"outputs,omitempty"`
		Resources  []resource        `json:"resources,omitempty"` // in their order
	}{Stack: cfg.Stack.Name, Namespace: cfg.Stack.Namespace}
	for _, r := range cfg.Registries {
		doc.Registries = append(doc.Registries, strings.Join([]string{r.Host, r.Username, r.Password, r.CA}, " "))
	}
	for _, i := range cfg.Imports {
		doc.Imports = append(doc.Imports, i.To.String()+" = "+i.ID)
	}
	for _, m := range Of[*Emulator](cfg) {
		doc.Emulators = append(doc.Emulators, fmt.Sprintf("%s = %s, persist %t", m.Addr, m.Platform, m.Persist))
	}
	for _, o := range cfg.Outputs {
		if doc.Outputs == nil {
			doc.Outputs = map[string]output{}
		}
		out := output{Sensitive: o.Sensitive, Unknown: !o.Value.IsWhollyKnown()}
		if !out.Unknown {
			b, err := ctyjson.Marshal(o.Value, o.Value.Type())
			if err != nil {
				t.Fatal(err)
			}
			out.Value = b
		}
		doc.Outputs[o.Name] = out
	}
	for _, a := range cfg.Order {
		r := resource{Needs: cfg.Get(a).Header().References}
		switch x := cfg.Get(a).(type) {
		case *Image:
			r.Image, r.Unknown = x, slices.Sorted(maps.Keys(x.Marks.Unknown))
		case *Container:
			r.Container, r.Unknown = x, slices.Sorted(maps.Keys(x.Marks.Unknown))
		}
		doc.Resources = append(doc.Resources, r)
	}
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

func writeWant(t *testing.T, path string, ar *txtar.Archive, name, got string) {
	t.Helper()
	files := ar.Files[:0]
	for _, f := range ar.Files {
		if f.Name != "want.json" && f.Name != "want.diag" {
			files = append(files, f)
		}
	}
	ar.Files = append(files, txtar.File{Name: name, Data: []byte(got)})
	if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A value that only the host knows is unknown in Load, and Settle reads the attribute with what the host told.
func TestSettle(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, `stack "s" {}
image "app" { pull = "app:1" }
locals { digest = image.app.digest }
container "a" {
  image        = image.app
  network_mode = "none"
  env          = { DIGEST = local.digest, KEEP = "k" }
  command      = ["--size", image.app.size]
}
container "b" {
  image        = image.app
  network_mode = "none"
}
output "d" { value = local.digest }
`)
	cfg, diags := Load(dir, Inputs{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	a := Addr{Kind: KindContainer, Name: "a"}
	loaded := cfg.Get(a).(*Container)
	if d := cmp.Diff(map[string]bool{`env["DIGEST"]`: true, "command": true}, loaded.Marks.Unknown); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]string{"KEEP": "k"}, loaded.Env); d != "" || loaded.Command != nil {
		t.Error(d, loaded.Command)
	}
	known := map[Addr]cty.Value{{Kind: KindImage, Name: "app"}: ImageValue("docker.io/library/app:1", "sha256:12", 7, []string{"linux/amd64"})}
	r, diags := cfg.Reevaluate(a, known, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	settled := r.(*Container)
	if len(settled.Marks.Unknown) > 0 {
		t.Error(settled.Marks.Unknown)
	}
	want := *loaded
	want.Marks = settled.Marks
	want.Env = map[string]string{"DIGEST": "sha256:12", "KEEP": "k"}
	want.Command = []string{"--size", "7"}
	if d := cmp.Diff(&want, settled); d != "" {
		t.Error(d)
	}
	if r, _ := cfg.Reevaluate(Addr{Kind: KindContainer, Name: "b"}, known, nil); r != cfg.Get(Addr{Kind: KindContainer, Name: "b"}) {
		t.Error("a container without unknown values was evaluated anew")
	}
	if cfg.Outputs[0].Value.IsKnown() {
		t.Error("the output is known before the host told")
	}
	outs, diags := cfg.ReevaluateOutputs(known)
	if diags.HasErrors() || outs[0].Value.AsString() != "sha256:12" {
		t.Error(outs[0].Value, diags)
	}
	if _, diags := cfg.Reevaluate(a, nil, nil); len(diags) != 2 {
		t.Error("known values of one call leak into the next", diags)
	}
}

func write(t testing.TB, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "a"+FileSuffix), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	if l, _, diags := readLock(dir); len(l) > 0 || diags.HasErrors() {
		t.Fatal(l, diags)
	}
	want := Lock{
		"docker.io/library/nginx:1.27": {Digest: "sha256:" + strings.Repeat("a", 64), Platforms: map[string]int64{"linux/amd64": 3e9, "linux/arm/v7": 5}},
		"docker.io/library/a:latest":   {Digest: "sha256:" + strings.Repeat("b", 64)},
		"docker.io/library/b:1":        {Digest: "sha256:" + strings.Repeat("b", 64), OnBuild: []string{"RUN \"x ${y}\"", "COPY . /"}},
		"docker.io/library/c:1":        {Digest: "sha256:" + strings.Repeat("b", 64), OnBuild: []string{}},
		"https://xxxxx@example.com/f":  {Digest: "sha256:" + strings.Repeat("c", 64)},
		"git@example.com:r.git#main":   {Commit: strings.Repeat("d", 40)},
	}
	if err := want.Write(dir); err != nil {
		t.Fatal(err)
	}
	got, _, diags := readLock(dir)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	before, err := os.Stat(filepath.Join(dir, LockFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Write(dir); err != nil {
		t.Fatal(err)
	}
	after, _ := os.Stat(filepath.Join(dir, LockFile))
	if !os.SameFile(before, after) {
		t.Error("unchanged text was written")
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Error("a temporary file stays:", entries)
	}
}

// A source is a file or a repository, and an image is neither.
func TestBadLock(t *testing.T) {
	for text, want := range map[string]string{
		`source "https://a/b" {}`:                                                              "Bad pin",
		`source "https://a/b" { commit = "x" }`:                                                "Bad commit",
		`source "https://a/b" { digest = "sha256:1" }`:                                         "Bad digest",
		`source "https://a/b" { platforms = {} }`:                                              "Unsupported argument",
		`image "a" { commit = "` + strings.Repeat("d", 40) + `" }`:                             "Missing required argument",
		"image \"a\" {\n digest = \"sha256:" + strings.Repeat("a", 64) + "\"\n onbuild = 1\n}": "Wrong type",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, LockFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, diags := readLock(dir); !diags.HasErrors() || diags[0].Summary != want {
			t.Errorf("%s: %v; want %s", text, diags, want)
		}
	}
}

// A directory that is not there is one problem, and not also a directory without a stack.
func TestLoadNoDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	_, diags := Load(dir, Inputs{})
	if len(diags) != 1 || diags[0].Summary != "No such directory" || !strings.Contains(diags[0].Detail, dir) {
		t.Error(diags)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, diags := Load(file, Inputs{}); len(diags) != 1 || diags[0].Summary != "Unreadable directory" {
		t.Error(diags)
	}
}
