package spec

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func locals(lines ...string) string {
	return "stack \"s\" {}\nlocals {\n" + strings.Join(lines, "\n") + "\n}\noutput \"o\" { value = local.z }\n"
}

// doubled are 40 locals of which each holds the one before twice.
func doubled(first, pattern string) string {
	lines := []string{"a0 = " + first}
	for i := 1; i <= 40; i++ {
		lines = append(lines, fmt.Sprintf("a%d = %s", i, strings.ReplaceAll(pattern, "X", fmt.Sprintf("local.a%d", i-1))))
	}
	return locals(append(lines, "z = local.a40")...)
}

// What a file can ask for has limits, and the error names the expression and the limit. The test ends at all: that is what it is for.
func TestLimits(t *testing.T) {
	before := untrusted
	untrusted.file, untrusted.names, untrusted.instances = 1<<20, 2_000, 1_000 // small ones are reached sooner
	untrusted.elements, untrusted.bytes, untrusted.steps = 20_000, 1<<20, 50_000
	t.Cleanup(func() { untrusted = before })
	const big = `range(1000)`
	yamlBomb := "a0: &a0 [x]\n"
	for i := 1; i <= 40; i++ {
		yamlBomb += fmt.Sprintf("a%d: &a%d [*a%d, *a%d, *a%d]\n", i, i, i-1, i-1, i-1)
	}
	many := strings.Builder{}
	for i := range 2_001 {
		fmt.Fprintf(&many, "n%d = 1\n", i)
	}
	for name, c := range map[string]struct{ text, want string }{
		"setproduct":             {locals(`z = setproduct(range(1024), range(1024), range(1024))`), "its result would have more than 20000 elements"},
		"setproduct of locals":   {locals(`a = range(60)`, `b = setproduct(local.a, local.a)`, `z = setproduct(local.b, local.b)`), "more than 20000 elements"},
		"range":                  {locals(`z = range(1000000000)`), "more than 1024 values"},
		"doubled strings":        {doubled(`"xx"`, `"${X}${X}"`), "which is the limit"},
		"doubled lists":          {doubled(`[1]`, `[X, X]`), "which is the limit"},
		"doubled objects":        {doubled(`{ a = 1 }`, `{ a = X, b = X }`), "which is the limit"},
		"doubled by concat":      {doubled(`[1]`, `concat(X, X)`), "which is the limit"},
		"doubled by format":      {doubled(`"xx"`, `format("%s%s", X, X)`), "which is the limit"},
		"doubled by join":        {doubled(`"xx"`, `join("", [X, X])`), "which is the limit"},
		"doubled numbers":        {doubled(`10`, `X * X`), "The number is too large"},
		"doubled by jsonencode":  {doubled(`"\\"`, `jsonencode(X)`), "which is the limit"},
		"nested for":             {locals(`z = [for a in ` + big + ` : [for b in ` + big + ` : [for c in ` + big + ` : 1]]]`), "more than 50000 steps"},
		"nested for, sums":       {locals(`z = length([for a in ` + big + ` : length([for b in ` + big + ` : length([for c in ` + big + ` : c + 1])])])`), "more than 50000 steps"},
		"nested for in try":      {locals(`z = try(length([for a in ` + big + ` : [for b in ` + big + ` : [for c in ` + big + ` : 1]]]), 1)`), "more than 50000 steps"},
		"nested for in can":      {locals(`z = can([for a in ` + big + ` : [for b in ` + big + ` : [for c in ` + big + ` : 1]]])`), "more than 50000 steps"},
		"nested template for":    {locals(`z = "%{ for a in ` + big + ` }%{ for b in ` + big + ` }%{ for c in ` + big + ` }x%{ endfor }%{ endfor }%{ endfor }"`), "more than 50000 steps"},
		"nested conditions":      {locals(`z = [for a in ` + big + ` : a if length([for b in ` + big + ` : b if length([for c in ` + big + ` : c if c > 1]) > 1]) > 1]`), "more than 50000 steps"},
		"for in a precondition":  {"stack \"s\" {}\ncontainer \"c\" {\nimage = \"x\"\nnetwork_mode = \"none\"\nlifecycle {\nprecondition {\nerror_message = \"x\"\ncondition = length([for a in " + big + " : [for b in " + big + " : [for c in " + big + " : 1]]]) > 0\n}\n}\n}", "more than 50000 steps"},
		"for in a validation":    {"stack \"s\" {}\nvariable \"v\" {\ndefault = 1\nvalidation {\nerror_message = \"x\"\ncondition = length([for a in " + big + " : [for b in " + big + " : [for c in " + big + " : 1]]]) > 0\n}\n}", "more than 50000 steps"},
		"for in count":           {"stack \"s\" {}\ncontainer \"c\" {\ncount = length([for a in " + big + " : [for b in " + big + " : [for c in " + big + " : 1]]])\nimage = \"x\"\nnetwork_mode = \"none\"\n}", "more than 50000 steps"},
		"template parts":         {locals(`a = join("", [for i in range(1000) : "xxxxxxxxxxxxxxxx"])`, `z = join("", [for i in range(1000) : "${local.a}${local.a}"])`), "more than 50000 steps"},
		"template join":          {locals(`a = join("", [for i in range(1000) : "xxxxxxxxxxxxxxxx"])`, `z = "%{ for i in range(1000) }%{ for j in range(1000) }${local.a}%{ endfor }%{ endfor }"`), "more than 50000 steps"},
		"splat":                  {locals(`a = [for i in range(1000) : { b = i }]`, `z = length([for i in range(1000) : [for j in range(1000) : local.a[*].b]])`), "more than 50000 steps"},
		"contains in a for":      {locals(`a = setproduct(range(100), range(50))`, `z = [for i in range(1000) : [for j in range(1000) : contains(local.a, "x")]]`), "more than 50000 steps"},
		"equality in a for":      {locals(`a = setproduct(range(100), range(50))`, `z = [for i in range(1000) : [for j in range(1000) : local.a == local.a]]`), "more than 50000 steps"},
		"distinct":               {locals(`a = setproduct(range(100), range(50))`, `z = distinct(local.a)`), "which is the limit"},
		"wide format":            {locals(`z = format("%2000000000s", "x")`), "its result would be larger than 1 MiB"},
		"precise format":         {locals(`z = format("%.2000000000f", 1)`), "its result would be larger than 1 MiB"},
		"overflowing format":     {locals(`z = format("%99999999999999999999999d", 1)`), "its result would be larger than 1 MiB"},
		"formatlist":             {locals(`z = formatlist("%1000000s", range(1000))`), "its result would be larger than 1 MiB"},
		"indent":                 {locals(`z = indent(2000000000, "a\nb")`), "its result would be larger than 1 MiB"},
		"replace":                {locals(`a = format("%100000s", "x")`, `z = replace(local.a, " ", local.a)`), "its result would be larger than 1 MiB"},
		"replace of nothing":     {locals(`a = format("%100000s", "x")`, `z = replace(local.a, "", local.a)`), "its result would be larger than 1 MiB"},
		"replace by an expr":     {locals(`a = format("%100000s", "x")`, `z = replace(local.a, "/(.*)/", replace(local.a, " ", "$1"))`), "its result would be larger than 1 MiB"},
		"join":                   {locals(`a = format("%100000s", "x")`, `z = join(local.a, [for i in range(1000) : "x"])`), "its result would be larger than 1 MiB"},
		"split":                  {locals(`a = format("%200000s", "x")`, `z = split("", local.a)`), "its result would have more than 20000 elements"},
		"regexall":               {locals(`a = format("%30000s", "x")`, `z = regexall(".", local.a)`), "its result would have more than 20000 elements"},
		"pow":                    {locals(`z = "${pow(10, 100000000)}"`), ""},
		"tonumber":               {locals(`z = "${tonumber("1e9999999")}"`), "The number is too large"},
		"digits":                 {locals(`z = parseint(format("%5000d", 1), 10)`), "limit"},
		"exponent in json":       {locals(`z = "${jsondecode("1e9999999")}"`), "The number is too large"},
		"number of a template":   {locals(`z = "${1e1000 * 1e1000 * 1e1000 * 1e1000}"`), "The number is too large"},
		"yaml aliases":           {locals("z = yamldecode(<<-E\n" + yamlBomb + "E\n)"), "which is the limit"},
		"json brackets":          {locals(`a = replace(format("%3000s", ""), " ", "[")`, `z = jsondecode(local.a)`), "nested more than"},
		"json with an end":       {locals(`a = format("%1000s", "")`, `z = jsondecode("${replace(local.a, " ", "[")}${replace(local.a, " ", "]")}")`), "The value is nested more than 200 deep"},
		"long json":              {locals(`z = jsondecode("[${join(",", [for p in setproduct(range(1000), range(6)) : "1,1,1,1"])}]")`), "its result would have more than 20000 elements"},
		"long csv":               {locals(`z = csvdecode("a,b\n${join("\n", [for p in setproduct(range(1000), range(6)) : "1,1,1,1"])}")`), "its result would have more than 20000 elements"},
		"values of instances":    {locals(`e = { for k in range(200) : "K${k}" => "v" }`, `z = 1`) + "container \"c\" {\ncount = 900\nimage = \"x\"\nnetwork_mode = \"none\"\nenv = local.e\n}", "more than 50000 steps"},
		"blocks of instances":    {"stack \"s\" {}\ncontainer \"c\" {\ncount = 900\nimage = \"x\"\nnetwork_mode = \"none\"\ndynamic \"mount\" {\nfor_each = range(20)\ncontent {\nbind = \"/a\"\ntarget = \"/a${mount.value}\"\n}\n}\n}", "more than 50000 steps"},
		"set of tuples":          {locals(`z = toset(setproduct(range(80), range(40)))`), "more than 50000 steps"},
		"going through a set":    {locals(`a = toset(setproduct(range(10), range(10)))`, `z = [for i in range(1000) : [for t in local.a : 1 if false]]`), "more than 50000 steps"},
		"set of unlike tuples":   {locals(`z = tolist([for i in range(100) : [for j in range(i) : j]])`), "more than 50000 steps"},
		"condition on a tuple":   {locals(`a = [for p in setproduct(range(100), range(30)) : p[0]]`, `z = true ? local.a : []`), "more than 50000 steps"},
		"condition on an object": {locals(`a = { for p in setproduct(range(100), range(30)) : "${p[0]}-${p[1]}" => 1 }`, `z = true ? local.a : {}`), "more than 50000 steps"},
		"many arguments":         {locals(`a = [for p in setproduct(range(100), range(30)) : { "a${p[0]}" = 1 }]`, `z = coalesce(local.a...)`), "more than 50000 steps"},
		"converted argument":     {locals(`a = [for p in setproduct(range(100), range(30)) : p[0]]`, `z = setunion(local.a, [])`), "more than 50000 steps"},
		"type of a variable":     {"stack \"s\" {}\nvariable \"v\" {\ntype = list(any)\ndefault = [" + strings.Repeat("1,", 3_000) + "]\n}", "more than 50000 steps"},
		"large variable":         {"stack \"s\" {}\nvariable \"v\" {\ndefault = [" + strings.Repeat("1,", 30_000) + "]\n}", "more than 20000 elements"},
		"flat yaml":              {locals(`z = yamldecode(join("\n", [for p in setproduct(range(1000), range(25)) : "a: 1"]))`), "its result would have more than 20000 elements"},
		"yaml merges":            {locals(`a = join(",", [for i in range(500) : "a${i}: 1"])`, `z = yamldecode("a: &a {${local.a}}\nb: {<<: [${join(",", [for i in range(1000) : "*a"])}]}")`), "more than 50000 steps"},
		"yaml digits":            {locals(`a = replace(format("%300000s", ""), " ", "1")`, `z = yamldecode(local.a)`), "more than 50000 steps"},
		"json digits":            {locals(`a = replace(format("%300000s", ""), " ", "1")`, `z = jsondecode(local.a)`), "more than 50000 steps"},
		"digits of an argument":  {locals(`a = replace(format("%300000s", ""), " ", "1")`, `z = abs(local.a)`), "more than 50000 steps"},
		"digits of an operand":   {locals(`a = replace(format("%300000s", ""), " ", "1")`, `z = -local.a`), "more than 50000 steps"},
		"digits of an index":     {locals(`a = replace(format("%300000s", ""), " ", "1")`, `z = [1][local.a]`), "more than 50000 steps"},
		"digits of a number":     {locals("z = " + strings.Repeat("1", 10_000)), "more than 4096 digits"},
		"states of a pattern":    {locals(`a = replace(format("%9000s", ""), " ", "x")`, `z = can(regex("(?:x{0,30}){0,30}y", local.a))`), "more than 50000 steps"},
		"matches that look far":  {locals(`a = replace(format("%9000s", ""), " ", "x")`, `z = length(regexall("x+y|x", local.a))`), "more than 50000 steps"},
		"replaced by a pattern":  {locals(`a = replace(format("%9000s", ""), " ", "x")`, `z = replace(local.a, "/x+y|x/", "z")`), "more than 50000 steps"},
		"trim":                   {locals(`a = replace(format("%9000s", ""), " ", "é")`, `z = trim(local.a, "${replace(local.a, "é", "x")}é")`), "more than 50000 steps"},
		"sums of a file":         {locals(`z = [for i in range(1000) : filesha256("text")]`), "more than 50000 steps"},
		"a template in a for":    {locals(`z = [for i in range(1000) : templatefile("text", {})]`), "more than 50000 steps"},
		"lines of an env_file":   {"stack \"s\" {}\ncontainer \"c\" {\ncount = 900\nimage = \"x\"\nnetwork_mode = \"none\"\nenv_file = [\"text\"]\n}", "more than 50000 steps"},
		"set of a long tuple":    {locals(`z = toset([for p in setproduct(range(100), range(30)) : "${p[0]}-${p[1]}"])`), "more than 50000 steps"},
		"yaml brackets":          {locals(`a = format("%10000s", "")`, `z = yamldecode("${replace(local.a, " ", "[")}${replace(local.a, " ", "]")}")`), "nested more than 2000 deep"},
		"yaml dashes":            {locals(`a = format("%10000s", "")`, `z = yamldecode(replace(local.a, " ", "- "))`), "nested more than 2000 deep"},
		"brackets":               {locals("z = " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)), "nested more than 200 deep"},
		"open brackets":          {locals("z = " + strings.Repeat("[", 1_000)), "nested more than 200 deep"},
		"parentheses":            {locals("z = " + strings.Repeat("(", 1_000) + "1" + strings.Repeat(")", 1_000)), "nested more than 200 deep"},
		"braces":                 {locals("z = " + strings.Repeat("{a=", 1_000) + "1" + strings.Repeat("}", 1_000)), "nested more than 200 deep"},
		"blocks":                 {"stack \"s\" {}\n" + strings.Repeat("a {\n", 1_000) + strings.Repeat("}\n", 1_000), "nested more than 200 deep"},
		"calls":                  {locals("z = " + strings.Repeat("abs(", 1_000) + "1" + strings.Repeat(")", 1_000)), "nested more than 200 deep"},
		"templates":              {locals("z = " + strings.Repeat(`"${`, 1_000) + "1" + strings.Repeat(`}"`, 1_000)), "nested more than 200 deep"},
		"template directives":    {locals("z = \"" + strings.Repeat(`%{ if true }`, 1_000) + "1" + strings.Repeat(`%{ endif }`, 1_000) + "\""), "nested more than 200 deep"},
		"minus":                  {locals("z = " + strings.Repeat("-", 6_000) + "1"), "more than 5000 operators"},
		"not":                    {locals("z = " + strings.Repeat("!", 6_000) + "true"), "more than 5000 operators"},
		"conditions":             {locals("z = " + strings.Repeat("true ? 1 : ", 6_000) + "1"), "more than 5000 operators"},
		"conditions on lines":    {locals("z = (" + strings.Repeat("true ? 1 :\n", 6_000) + "1)"), "more than 5000 operators"},
		"sums":                   {locals("z = 1" + strings.Repeat(" + 1", 6_000)), "more than 5000 operators"},
		"sums on lines":          {locals("z = (1" + strings.Repeat("\n+ 1", 6_000) + ")"), "more than 5000 operators"},
		"indexes":                {locals("a = 0", "z = local.a"+strings.Repeat("[local.a]", 6_000)), "more than 5000 operators"},
		"attributes":             {locals("z = local" + strings.Repeat(".a", 6_000)), "more than 5000 operators"},
		"nested type":            {"stack \"s\" {}\nvariable \"v\" {\ntype = " + strings.Repeat("list(", 1_000) + "string" + strings.Repeat(")", 1_000) + "\n}", "nested more than 200 deep"},
		"names":                  {locals(many.String() + "z = 1"), "more than 2000 names"},
		"count":                  {"stack \"s\" {}\ncontainer \"c\" {\ncount = 1000000000\nimage = \"x\"\nnetwork_mode = \"none\"\n}", "container.c has 1000000000 instances"},
		"fraction of a count":    {"stack \"s\" {}\ncontainer \"c\" {\ncount = 1e300\nimage = \"x\"\nnetwork_mode = \"none\"\n}", "count is a whole number"},
		"for_each":               {"stack \"s\" {}\ncontainer \"c\" {\nfor_each = { for p in setproduct(range(60), range(30)) : \"a${p[0]}-${p[1]}\" => 1 }\nimage = \"x\"\nnetwork_mode = \"none\"\n}", "container.c has 1800 instances"},
		"for_each over the most": {"stack \"s\" {}\ncontainer \"c\" {\nfor_each = toset([for p in setproduct(range(1024), range(1024)) : \"a${p[0]}-${p[1]}\"])\nimage = \"x\"\nnetwork_mode = \"none\"\n}", "more than 20000 elements"},
		"many counts":            {"stack \"s\" {}\nimage \"a\" {\ncount = 600\npull = \"x:${count.index}\"\n}\nimage \"b\" {\ncount = 600\npull = \"y:${count.index}\"\n}", "image.b has 600 instances"},
		"dynamic":                {"stack \"s\" {}\ncontainer \"c\" {\nimage = \"x\"\nnetwork_mode = \"none\"\ndynamic \"mount\" {\nfor_each = setproduct(range(1024), range(1024))\ncontent {\ntarget = \"/a\"\nbind = \"/a\"\n}\n}\n}", "more than 20000 elements"},
		"recursion":              {locals(`z = templatefile("self.tpl", {})`), "no function named"},
		"deep template":          {locals(`z = templatefile("deep.tpl", {})`), "nested more than 200 deep"},
		"loops of a template":    {locals(`z = templatefile("loop.tpl", { n = ` + big + ` })`), "more than 50000 steps"},
		"endless file":           {locals(`z = file("/dev/zero")`), "it is no regular file"},
		"fifo":                   {locals(`z = file("fifo")`), "it is no regular file"},
		"large file":             {locals(`z = file("large")`), "larger than 1 MiB, which is the limit"},
		"large sum":              {locals(`z = filesha256("large")`), "larger than 1 MiB, which is the limit"},
		"env_file is a fifo":     {"stack \"s\" {}\ncontainer \"c\" {\nimage = \"x\"\nnetwork_mode = \"none\"\nenv_file = [\"fifo\"]\n}", "it is no regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for n, text := range map[string]string{
				"s.fairlead.hcl": c.text, "self.tpl": `${templatefile("self.tpl", {})}`, "deep.tpl": strings.Repeat("${[", 1000),
				"loop.tpl": `%{ for a in n }%{ for b in n }%{ for c in n }x%{ endfor }%{ endfor }%{ endfor }`, "large": "", "text": strings.Repeat("A=b\n", 5_000),
			} {
				if err := os.WriteFile(filepath.Join(dir, n), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(filepath.Join(dir, "large"), 10<<30); err != nil {
				t.Fatal(err)
			}
			_, diags := Load(dir, Inputs{})
			var said []string
			for _, d := range diags {
				at := ""
				if d.Subject != nil {
					at = d.Subject.String()
				}
				said = append(said, at+" "+d.Summary+": "+d.Detail)
			}
			all := strings.Join(said, "\n")
			switch {
			case !strings.Contains(all, c.want):
				t.Errorf("got %.2000s\nwant %s", all, c.want)
			case strings.Contains(all, ".."):
				t.Errorf("two full stops: %.2000s", all)
			case strings.Contains(all, "goroutine"):
				t.Errorf("a trace: %.500s", all)
			case strings.Contains(c.want, "more than") && !strings.Contains(all, "which is the limit") && name != "range":
				t.Errorf("the limit is not named: %.500s", all)
			case len(said) > 0 && !strings.Contains(said[0], "s.fairlead.hcl:") && !strings.Contains(said[0], "loop.tpl:"):
				t.Errorf("the expression is not named: %.500s", all)
			}
		})
	}
}

// Files that one trusts may ask for more.
func TestTrustRaisesTheLimits(t *testing.T) {
	for name, text := range map[string]string{
		"nesting":   locals("z = " + strings.Repeat("[", 1_000) + strings.Repeat("]", 1_000)),
		"operators": locals("z = 1" + strings.Repeat(" + 1", 20_000)),
		"bytes":     locals(`z = format("%20000000s", "x")`),
	} {
		t.Run(name, func(t *testing.T) {
			if _, said := loadText(t, text, Inputs{}); !strings.Contains(said, "--trust-files") {
				t.Errorf("not trusted: %.300s", said)
			}
			if _, said := loadText(t, text, Inputs{Trust: true}); said != "" {
				t.Errorf("trusted: %.300s", said)
			}
		})
	}
}

// A file of blocks that is no such file is not waited for.
func TestSourcesThatAreNoFiles(t *testing.T) {
	for name, prepare := range map[string]func(path string) error{
		"fifo":      func(p string) error { return syscall.Mkfifo(p, 0o644) },
		"device":    func(p string) error { return os.Symlink("/dev/zero", p) },
		"directory": func(p string) error { return os.Symlink("/", p) },
		"dangling":  func(p string) error { return os.Symlink("/gone", p) },
		"large":     func(p string) error { return os.Truncate(p, 1<<30) },
	} {
		for _, file := range []string{"x.fairlead.hcl", LockFile, "x.auto.vars.hcl"} {
			t.Run(name+" "+file, func(t *testing.T) {
				dir := t.TempDir()
				if err := os.WriteFile(filepath.Join(dir, "s.fairlead.hcl"), []byte("stack \"s\" {}\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(dir, file)
				if name == "large" {
					if err := os.WriteFile(path, nil, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if err := prepare(path); err != nil {
					t.Fatal(err)
				}
				_, diags := Load(dir, Inputs{})
				if !diags.HasErrors() && (name != "dangling" || file != LockFile) {
					t.Error("nothing is said")
				}
			})
		}
	}
}

// Of very many problems the first are said: those of one expression, of one file and of the parser.
func TestManyProblems(t *testing.T) {
	for name, text := range map[string]string{
		"blocks":     "stack \"s\" {}\n" + strings.Repeat("x {}\n", 5_000),
		"references": locals("z = [" + strings.Repeat("local.x,", 5_000) + "]"),
		"escapes":    locals(`z = "` + strings.Repeat(`\q`, 5_000) + `"`),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, text)
			_, diags := Load(dir, Inputs{})
			if len(diags) > mostProblems+1 || len(diags) == 0 || diags[len(diags)-1].Summary != tooManyProblems {
				t.Errorf("%d are said", len(diags))
			}
		})
	}
}

// What the kernel calls a regular file may have nothing to be read yet, for ever: that is not waited for.
func TestRegularFileDoesNotWait(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := io.ReadAll(&RegularFile{r}); !errors.Is(err, errNotRegular) {
		t.Errorf("got %v", err)
	}
}
