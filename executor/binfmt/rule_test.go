package binfmt

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRule(t *testing.T) {
	for line, want := range map[string]Rule{
		`:a:M::\x7fELF::/usr/bin/q:`: {Name: "a", Pattern: Pattern{Magic: []byte("\x7fELF")}, Interpreter: "/usr/bin/q"},
		`:a:M:3:\x7f\x45:\xff\x0:/q:POCF`: {
			Name: "a", Pattern: Pattern{Offset: 3, Magic: []byte{0x7f, 0x45}, Mask: []byte{0xff, 0}}, Interpreter: "/q", Flags: "POCF",
		},
		`|a|M||BC||/c:/q|F`: {Name: "a", Pattern: Pattern{Magic: []byte("BC")}, Interpreter: "/c:/q", Flags: "F"},
	} {
		got, err := ParseRule(line)
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
		again, err := ParseRule(got.Line())
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Errorf("%s, written and read (-want +got):\n%s", line, diff)
		}
	}
	for line, want := range map[string]string{
		``:                          "empty",
		`qemu`:                      "1 fields",
		`:a:M::BC::/q`:              "6 fields",
		`:a:E::exe::/q:`:            "another kind",
		`::M::BC::/q:`:              "no name",
		`:../a:M::BC::/q:`:          "no name",
		`:register:M::BC::/q:`:      "no name",
		`:a:M:x:BC::/q:`:            "offset",
		`:a:M:-1:BC::/q:`:           "offset",
		`:a:M::\xzz::/q:`:           "no byte",
		`:a:M::::/q:`:               "no magic",
		`:a:M::BC:\xff:/q:`:         "mask has 1 bytes",
		`:a:M:255:BC::/q:`:          "256 bytes",
		`:a:M::BC::q:`:              "no absolute path",
		`:a:M::BC::/q:FX`:           "flags",
		`:a:M::BC:\xff\x:/q:F`:      "no byte",
		`:a:M::BC:\xff\xff\xff:/q:`: "mask has 3 bytes",
	} {
		if _, err := ParseRule(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}

func TestOwn(t *testing.T) {
	for _, c := range []struct{ interpreter, flags, want string }{
		{"/usr/libexec/qemu-binfmt/arm-binfmt-P", "OPF", "OPF"},
		{"/usr/libexec/qemu-binfmt/arm-binfmt-P", "", "PF"},
		{"/usr/libexec/qemu-binfmt/arm-binfmt-P", "OC", "OCPF"},
		{"/usr/bin/qemu-arm-static", "", "F"},
		{"/usr/bin/qemu-arm-static", "PF", "PF"},
		{"/usr/bin/qemu-arm-static", "OC", "OCF"},
	} {
		got := Rule{Name: "qemu-arm", Interpreter: c.interpreter, Flags: c.flags}.Own()
		if got.Flags != c.want || got.Name != "fairlead-qemu-arm" {
			t.Errorf("%s with %q: %+v, want flags %q", c.interpreter, c.flags, got, c.want)
		}
		if diff := cmp.Diff(got, got.Own()); diff != "" {
			t.Errorf("made fairlead's twice (-once +twice):\n%s", diff)
		}
	}
}

// The programs that are probed with are static, small, and what their platform's header says.
func TestProgramsAreOfTheirPlatform(t *testing.T) {
	for _, m := range machines {
		b, err := programs.ReadFile("probe/" + m.arch())
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(b[:24], m.header(elf.ET_EXEC)[:24]) {
			t.Errorf("%s: the program begins with %x, the header with %x", m.platform, b[:24], m.header(elf.ET_EXEC)[:24])
		}
		f, err := elf.NewFile(bytes.NewReader(b))
		if err != nil {
			t.Errorf("%s: %v", m.platform, err)
			continue
		}
		if len(b) > 1024 || slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
			t.Errorf("%s: %d bytes, %v", m.platform, len(b), f.Progs)
		}
		for _, other := range machines {
			if exact := (Pattern{Magic: b[:20]}); exact.matchesHead(other.header(elf.ET_EXEC)) != (other.platform == m.platform) {
				t.Errorf("%s is taken for %s", m.platform, other.platform)
			}
		}
	}
}

func TestMatches(t *testing.T) {
	arm64 := `\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`
	for _, c := range []struct {
		name, magic, mask string
		want              []string
	}{
		{"Debian's", arm64, `\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`, []string{"linux/arm64"}},
		{"only at fixed addresses", arm64, "", nil},
		{"any program of 64 bits", `\x7fELF\x02\x01`, "", []string{
			"linux/amd64", "linux/arm64", "linux/riscv64", "linux/ppc64le", "linux/loong64", "linux/mips64le",
		}},
		{"nothing that is known", `\xa7\x0d\x0d\x0a`, "", nil},
	} {
		r, err := ParseRule(":a:M::" + c.magic + ":" + c.mask + ":/q:F")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range machines {
			if r.matches(m) {
				got = append(got, m.platform)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	if (Handler{Name: "jar"}).matches(machines[0]) {
		t.Error("a handler that goes by names matches")
	}
}

// tree writes files, by path below a fresh directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestRuleFor(t *testing.T) {
	const (
		s390x = `:\x7fELF\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16` +
			`:\xff\xff\xff\xff\xff\xff\xff\xfc\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff`
		dynamic = "/bin/sh"
	)
	program, err := programs.ReadFile("probe/amd64")
	if err != nil {
		t.Fatal(err)
	}
	bin := tree(t, map[string]string{"static": string(program), "script": "#!/bin/sh\n"})
	static, script := bin+"/static", bin+"/script"
	line := func(name, interpreter string) string { return ":" + name + ":M:" + s390x + ":" + interpreter + ":OF\n" }
	for _, c := range []struct {
		name  string
		files map[string]string // in etc, that comes before usr
		want  string            // name of the rule
		err   string
	}{
		{"nothing", nil, "", ""},
		{"others", map[string]string{"usr/py.conf": ":py:M::\\xa7\\x0d::/usr/bin/python:\n", "usr/x.conf": ":x:E::exe::/w:\nnonsense\n"}, "", ""},
		{"the one", map[string]string{"usr/q.conf": "# comment\n; comment\n\n  " + line("q", static)}, "q", ""},
		{"no name that counts", map[string]string{"usr/q.conf": line("anything", static)}, "anything", ""},
		{"files by name, the last", map[string]string{"etc/a.conf": line("a", static), "usr/b.conf": line("b", static)}, "b", ""},
		{"lines, the last", map[string]string{"usr/q.conf": line("a", static) + line("b", static)}, "b", ""},
		{"a file hides its namesake", map[string]string{"etc/q.conf": line("etc", static), "usr/q.conf": line("usr", static)}, "etc", ""},
		{"an empty file hides", map[string]string{"etc/q.conf": "", "usr/q.conf": line("q", static)}, "", ""},
		{"no .conf", map[string]string{"usr/q.conf.new": line("q", static)}, "", ""},
		{"fairlead's own", map[string]string{"etc/fairlead-q.conf": line("fairlead-q", static)}, "", ""},
		{"the static one", map[string]string{"usr/a.conf": line("a", static), "usr/b.conf": line("b", dynamic)}, "a", ""},
		{"dynamic", map[string]string{"usr/q.conf": line("q", dynamic)}, "", "needs libraries of the host"},
		{"a script", map[string]string{"usr/q.conf": line("q", script)}, "", "no program that the kernel can load anywhere"},
		{"missing", map[string]string{"usr/q.conf": line("q", "/nonexistent")}, "", "Install qemu-user-static again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := tree(t, c.files)
			h := Host{RuleDirs: []string{root + "/etc", root + "/run", root + "/usr"}}
			got, ok, err := h.RuleFor("linux/s390x")
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), root+"/usr/q.conf") {
					t.Errorf("%v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Name != c.want || ok != (c.want != "") {
				t.Errorf("%+v, %v, want %q", got, ok, c.want)
			}
			if other, ok, err := h.RuleFor("linux/arm64"); ok || err != nil {
				t.Errorf("for another platform: %+v, %v", other, err)
			}
		})
	}
}
