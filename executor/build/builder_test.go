package build

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"
	"golang.org/x/sys/unix"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// buildkit is a private buildkitd.
type buildkit struct {
	bin, address string
}

// startBuildkit starts a buildkitd of go.mod's version with its own root, until the test ends.
func startBuildkit(t *testing.T) buildkit {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	bin := filepath.Join(filepath.Dir(here), "../../bin")
	if _, err := os.Stat(filepath.Join(bin, "buildkitd")); err != nil {
		t.Skip("bin/buildkitd is not there: `make deps build` gets it")
	}
	if os.Geteuid() != 0 {
		t.Skip("buildkitd needs root")
	}
	dir, err := os.MkdirTemp("/tmp", "flb") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	b := buildkit{bin, "unix://" + filepath.Join(dir, "b.sock")}
	var log bytes.Buffer
	cmd := exec.Command(filepath.Join(bin, "buildkitd"), "--root", filepath.Join(dir, "root"), "--addr", b.address,
		"--containerd-worker=false", "--oci-worker=true", "--oci-worker-snapshotter=native", "--oci-worker-net=host")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(90 * time.Second):
			_ = cmd.Process.Kill()
			<-done
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("%s stays: %v", dir, err)
		}
	})
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		select {
		case <-done:
			t.Fatalf("buildkitd ended at once:\n%s", log.String())
		default:
		}
		if exec.Command(filepath.Join(bin, "buildctl"), "--addr", b.address, "debug", "workers").Run() == nil {
			return b
		}
	}
	t.Fatal("buildkitd: no answer within 30 s")
	return b
}

// receives gives what a build that copies its whole context has in it, in the words of planner.Input.
func (b buildkit) receives(t *testing.T, dir, filename string) map[string]string {
	t.Helper()
	cmd := exec.Command(filepath.Join(b.bin, "buildctl"), "--addr", b.address, "build", "--progress=plain", "--frontend", "dockerfile.v0",
		"--local", "context="+dir, "--local", "dockerfile="+dir, "--opt", "filename="+filename, "--output", "type=tar,dest=-")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("buildctl: %v\n%s", err, said.String())
	}
	got := map[string]string{}
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.Trim(h.Name, "/")
		if name == "" {
			continue
		}
		got[name] = inWords(t, got, h, r)
	}
}

func inWords(t *testing.T, got map[string]string, h *tar.Header, r io.Reader) string {
	perm := h.Mode & 0o7777
	switch h.Typeflag {
	case tar.TypeReg:
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%04o %s", perm, digestOf(content))
	case tar.TypeLink:
		return got[strings.Trim(h.Linkname, "/")]
	case tar.TypeSymlink:
		return "-> " + h.Linkname
	case tar.TypeDir:
		return fmt.Sprintf("%04o dir", perm)
	case tar.TypeFifo:
		return fmt.Sprintf("%04o fifo", perm)
	case tar.TypeChar:
		return fmt.Sprintf("%04o char %d:%d", perm, h.Devmajor, h.Devminor)
	}
	return fmt.Sprintf("%04o %c", perm, h.Typeflag)
}

// files gives the file inputs of a reading by name.
func files(in planner.Inputs) map[string]string {
	out := map[string]string{}
	for _, i := range in {
		if i.Kind == planner.InputFile {
			out[i.Name], _, _ = strings.Cut(i.Value, " xattrs ")
		}
	}
	return out
}

// corpusTree makes files of every kind and of names that patterns have trouble with.
func corpusTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{
		"Dockerfile", "a", "b.txt", "README.md", ".hidden", ".git/config", ".git/objects/ab/cd", "src/main.go", "src/main_test.go",
		"src/lib/util.go", "src/lib/util.tmp", "src/lib/deep/er/x.tmp", "src-2/main.go", "docs/README.md", "docs/img/logo.png",
		"node_modules/x/index.js", "node_modules/y/keep/index.js", "build/out.o", "build/keep.txt", "with space/a b", "ünï/côde",
		"new\nline", "[brackets]/x[1]", `back\slash`, "star*", "que?stion", "#hash", "!bang", "tmp/a.tmp", "tmp/.keep", "-dash", "Makefile",
	} {
		write(t, dir, name, "content of "+name)
	}
	for _, name := range []string{"empty", "tmp/empty", "src/lib/none"} {
		must(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
	}
	for name, target := range map[string]string{
		"link-file": "a", "link-dir": "src", "link-dangling": "no/where", "link-absolute": "/etc/passwd", "src/link-up": "../../out", "docs/link": "../.git",
	} {
		must(t, os.Symlink(target, filepath.Join(dir, name)))
	}
	must(t, os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "src/hard")))
	must(t, os.Chmod(filepath.Join(dir, "a"), 0o755|os.ModeSetuid))
	must(t, os.Chmod(filepath.Join(dir, "b.txt"), 0o400))
	must(t, os.Chmod(filepath.Join(dir, "tmp"), 0o777|os.ModeSticky))
	must(t, os.Chmod(filepath.Join(dir, "docs"), 0o750|os.ModeSetgid))
	must(t, os.Chown(filepath.Join(dir, "Makefile"), 1234, 1234))
	must(t, unix.Mkfifo(filepath.Join(dir, "docs/pipe"), 0o640))
	must(t, unix.Mknod(filepath.Join(dir, "docs/device"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
	must(t, unix.Mknod(filepath.Join(dir, "docs/socket"), unix.S_IFSOCK|0o600, 0))
	return dir
}

func write(t testing.TB, dir, name, content string) {
	t.Helper()
	at := filepath.Join(dir, name)
	must(t, os.MkdirAll(filepath.Dir(at), 0o755))
	must(t, os.WriteFile(at, []byte(content), 0o644))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// corpus are ignore files.
var corpus = map[string]string{
	"nothing":               "",
	"comments and blanks":   "# a comment\n\n   \n#src\n  build  \n",
	"a name":                "src\n",
	"leading slash":         "/src\n/b.txt\n",
	"trailing slash":        "src/\ndocs/img/\n",
	"dotted paths":          "./src\n./docs/../build\n../outside\n.\n",
	"star":                  "*.md\n*/*.go\nsrc-*\n",
	"question mark":         "?\nb.tx?\n",
	"class":                 "[a-b]*\n",
	"two stars":             "**/*.tmp\n**/README.md\n",
	"two stars in front":    "**/lib\n",
	"two stars behind":      "src/**\n",
	"two stars between":     "src/**/x.tmp\n",
	"everything":            "*\n",
	"all but":               "*\n!src\n!docs/img\n",
	"all but a file below":  "**\n!src/lib/util.go\n",
	"exception in excluded": "node_modules\n!node_modules/y/keep\n",
	"exception and again":   "src\n!src/lib\nsrc/lib/*.tmp\n",
	"order counts":          "!src/main.go\nsrc/main.go\n",
	"wildcard exception":    "*\n!*.md\n!**/main*.go\n",
	"exception with slash":  "tmp\n!tmp/.keep/\n",
	"hidden files":          ".*\n",
	"the Dockerfile":        "Dockerfile\n.dockerignore\n",
	"odd names":             "with space\nünï\n[[]brackets]\nback\\\\slash\nstar\\*\n",
	"escaped":               "\\#hash\n\\!bang\n",
	"windows":               "src\r\ndocs\r\n",
	"byte order mark":       "\xef\xbb\xbfsrc\n",
	"links":                 "link-dir\nlink-dir/lib\ndocs/link/config\n",
	"empty directories":     "*\n!empty\n!tmp/empty\n",
	"slash":                 "/\n",
	"bang alone":            "*\n! src \n",
	"trailing glob":         "src\n!src/lib/**\n!docs/*\ndocs\n",
}

// What is hashed is what BuildKit receives: the same paths, with the same type, permissions, link target and content.
func TestContextIsWhatBuildKitReceives(t *testing.T) {
	b := startBuildkit(t)
	for name, ignore := range corpus {
		t.Run(name, func(t *testing.T) {
			dir := corpusTree(t)
			write(t, dir, ignoreName, ignore)
			write(t, dir, "Dockerfile", "FROM scratch\nCOPY . /\n")
			compare(t, b, dir, "Dockerfile")
		})
	}
	t.Run("no ignore file", func(t *testing.T) {
		dir := corpusTree(t)
		write(t, dir, "Dockerfile", "FROM scratch\nCOPY . /\n")
		compare(t, b, dir, "Dockerfile")
	})
	t.Run("the Dockerfile's own wins", func(t *testing.T) {
		dir := corpusTree(t)
		write(t, dir, ignoreName, "src\n")
		write(t, dir, "prod.Dockerfile", "FROM scratch\nCOPY . /\n")
		write(t, dir, "prod.Dockerfile.dockerignore", "docs\n")
		compare(t, b, dir, "prod.Dockerfile")
	})
	t.Run("the Dockerfile's own wins, empty", func(t *testing.T) {
		dir := corpusTree(t)
		write(t, dir, ignoreName, "src\n")
		write(t, dir, "prod.Dockerfile", "FROM scratch\nCOPY . /\n")
		write(t, dir, "prod.Dockerfile.dockerignore", "")
		compare(t, b, dir, "prod.Dockerfile")
	})
	t.Run("ignore file is a link", func(t *testing.T) {
		dir := corpusTree(t)
		write(t, dir, "docs/ignore", "src\n")
		must(t, os.Symlink("docs/ignore", filepath.Join(dir, ignoreName)))
		write(t, dir, "Dockerfile", "FROM scratch\nCOPY . /\n")
		compare(t, b, dir, "Dockerfile")
	})
	t.Run("context is a link", func(t *testing.T) {
		dir := corpusTree(t)
		write(t, dir, "Dockerfile", "FROM scratch\nCOPY . /\n")
		link := filepath.Join(t.TempDir(), "link")
		must(t, os.Symlink(dir, link))
		compare(t, b, link, "Dockerfile")
	})
}

func compare(t *testing.T, b buildkit, dir, filename string) {
	t.Helper()
	cacheDir := t.TempDir()
	want := b.receives(t, dir, filename)
	t.Logf("%d entries", len(want))
	for _, turn := range []string{"first", "again"} {
		r, err := Read(t.Context(), &spec.Build{Context: dir, Dockerfile: filename}, Options{CacheDir: cacheDir, Host: "linux/amd64"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, files(r.Inputs)); diff != "" {
			t.Errorf("%s reading (-BuildKit +ours):\n%s", turn, diff)
		}
	}
}

// The same filter as in BuildKit's client, over ignore files made at random.
func TestRulesAreThoseOfBuildKitsClient(t *testing.T) {
	dir := corpusTree(t)
	words := []string{"*", "**", "src", "lib", "docs", "*.tmp", "main*.go", "README.md", "?", "[a-c]*", "keep", "node_modules", "y", "tmp", ".*", "*.go", "img", "deep", "er"}
	random := rand.New(rand.NewPCG(3, 1))
	for i := range 600 {
		var text strings.Builder
		for range 1 + random.IntN(5) {
			if random.IntN(3) == 0 {
				text.WriteString("!")
			}
			for part := range 1 + random.IntN(3) {
				if part > 0 {
					text.WriteString("/")
				}
				text.WriteString(words[random.IntN(len(words))])
			}
			text.WriteString("\n")
		}
		write(t, dir, ignoreName, text.String())
		got, err := treeInputs(t, dir, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sent(t, dir, text.String()), files(got)); diff != "" {
			t.Fatalf("ignore file %d (-client +ours):\n%s\n%s", i, text.String(), diff)
		}
	}
}

// sent is what BuildKit's client sends: the names of it, with our values.
func sent(t *testing.T, dir, ignore string, follow ...string) map[string]string {
	t.Helper()
	patterns, err := ignorefile.ReadAll(strings.NewReader(ignore))
	must(t, err)
	all, err := treeInputs(t, dir, &rulesFile{}, "")
	must(t, err)
	values, out := files(all), map[string]string{}
	must(t, fsutil.Walk(t.Context(), dir, &fsutil.FilterOpt{ExcludePatterns: patterns, FollowPaths: follow}, func(path string, _ os.FileInfo, err error) error {
		out[path] = values[path]
		return err
	}))
	return out
}

// What is taken of a tree is what BuildKit's client sends of it for the same paths and ignore file.
func TestPathsAreThoseOfBuildKitsClient(t *testing.T) {
	dir := corpusTree(t)
	words := []string{"*", "src", "lib", "docs", "*.tmp", "main*.go", "README.md", "?", "[a-c]*", "keep", "node_modules", "tmp", "link-dir", "link-file", "s*", "link*", "deep", "nowhere"}
	random := rand.New(rand.NewPCG(7, 2))
	name := func() string {
		parts := make([]string, 1+random.IntN(3))
		for i := range parts {
			parts[i] = words[random.IntN(len(words))]
		}
		return strings.Join(parts, "/")
	}
	for i := range 600 {
		set := &pathSet{}
		for range 1 + random.IntN(3) {
			set.add(name(), false)
		}
		ignore := ""
		for range random.IntN(3) {
			ignore += []string{"", "!"}[random.IntN(2)] + name() + "\n"
		}
		_, got, err := readTree(t.Context(), dir, &rulesFile{text: []byte(ignore)}, set, "", Options{})
		must(t, err)
		if diff := cmp.Diff(sent(t, dir, ignore, slices.Sorted(maps.Keys(set.paths))...), files(got)); diff != "" {
			t.Fatalf("%d: paths %v, ignore file %q (-client +ours):\n%s", i, set.paths, ignore, diff)
		}
	}
}

// treeInputs reads a directory.
func treeInputs(t *testing.T, dir string, ignore *rulesFile, cacheDir string) (planner.Inputs, error) {
	t.Helper()
	_, in, err := readTree(t.Context(), dir, ignore, &pathSet{all: true}, "", Options{CacheDir: cacheDir})
	return in, err
}
