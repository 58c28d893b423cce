package build

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"github.com/fairlead-dev/fairlead/executor/statcache"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

func mustRead(t *testing.T, b spec.Build, o Options) *Reading {
	t.Helper()
	o.Host = amd64
	r, err := Read(t.Context(), &b, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// settle waits until files written before are trusted by their times.
func settle() { time.Sleep(statcache.Settled + 50*time.Millisecond) }

// Inputs are in the order that the planner compares them in, and read back as they were.
func TestInputsAreSorted(t *testing.T) {
	dir := corpusTree(t)
	for _, name := range []string{"a-b", "s/x", "s-x/y", "s.x", "s/x-y/z", "s/x/y"} {
		if name != "s/x" {
			write(t, dir, name, "")
		}
	}
	in, err := treeInputs(t, dir, nil, "")
	must(t, err)
	if !slices.IsSortedFunc(in, func(a, b planner.Input) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the files are not sorted")
	}
	r := mustRead(t, spec.Build{Context: dir, Args: map[string]string{"BUILDKIT_X": "\"\n"}, Inline: "FROM scratch\n", Labels: map[string]string{"a b": "c"}}, Options{})
	back, err := planner.DecodeInputs(r.Inputs.Encode())
	must(t, err)
	if diff := cmp.Diff(r.Inputs, back); diff != "" {
		t.Error("(-read +decoded):", diff)
	}
}

// The cache changes nothing but the time: what was changed in any way is read again.
func TestCacheSeesEveryChange(t *testing.T) {
	dir, cacheDir := corpusTree(t), filepath.Join(t.TempDir(), "cache")
	for i := range 50 {
		write(t, dir, fmt.Sprintf("many/f%02d", i), fmt.Sprint(i))
	}
	settle()
	reading := func(cacheDir string) planner.Inputs {
		in, err := treeInputs(t, dir, nil, cacheDir)
		must(t, err)
		return in
	}
	stored := func() string {
		entries, err := os.ReadDir(cacheDir)
		must(t, err)
		if len(entries) != 1 {
			t.Fatalf("%d files in the cache", len(entries))
		}
		info, err := entries[0].Info()
		must(t, err)
		if info.Mode() != 0o600 {
			t.Errorf("the cache has mode %v", info.Mode())
		}
		return filepath.Join(cacheDir, info.Name())
	}
	reading(cacheDir)
	first, err := os.Stat(stored())
	must(t, err)
	reading(cacheDir)
	if again, err := os.Stat(stored()); err != nil || !again.ModTime().Equal(first.ModTime()) {
		t.Error("nothing changed, and the cache was written again")
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	old, err := os.Stat(at("many/f01"))
	must(t, err)
	for name, change := range map[string]func(){
		"content": func() { write(t, dir, "many/f00", "other") },
		"content, size, mtime": func() {
			write(t, dir, "many/f01", "9")
			must(t, os.Chtimes(at("many/f01"), old.ModTime(), old.ModTime()))
		},
		"mode":                func() { must(t, os.Chmod(at("many/f02"), 0o755)) },
		"mode of a directory": func() { must(t, os.Chmod(at("many"), 0o700)) },
		"link":                func() { must(t, os.Remove(at("link-file"))); must(t, os.Symlink("b", at("link-file"))) },
		"kind":                func() { must(t, os.Remove(at("many/f03"))); must(t, os.Mkdir(at("many/f03"), 0o755)) },
		"new":                 func() { write(t, dir, "many/f01a", "new") },
		"gone":                func() { must(t, os.Remove(at("many/f04"))) },
		"renamed":             func() { must(t, os.Rename(at("many/f05"), at("many/f06"))) },
		"attribute":           func() { must(t, unix.Setxattr(at("many/f07"), "user.x", []byte("y"), 0)) },
	} {
		before := reading(cacheDir)
		change()
		got := reading(cacheDir)
		if slices.Equal(before, got) {
			t.Errorf("%s: it isn't seen", name)
		}
		if diff := cmp.Diff(reading(""), got); diff != "" {
			t.Errorf("%s (-no cache +cache):\n%s", name, diff)
		}
	}
	settle()
	want := reading("")
	reading(cacheDir)
	whole, err := os.ReadFile(stored())
	must(t, err)
	for name, bad := range map[string][]byte{"empty": {}, "cut": whole[:len(whole)/2], "a bit": bytes.Replace(whole, []byte("sha256:"), []byte("sha257:"), 1)} {
		must(t, os.WriteFile(stored(), bad, 0o600))
		if diff := cmp.Diff(want, reading(cacheDir)); diff != "" {
			t.Errorf("cache is damaged (%s): (-want +got):\n%s", name, diff)
		}
	}
	if mended, err := os.ReadFile(stored()); err != nil || !bytes.Equal(whole, mended) {
		t.Error("a damaged cache isn't written again")
	}
}

// A file that was written while it was hashed, or just before, is read again: its times may be the same after one more write.
func TestFreshFilesAreNotTrusted(t *testing.T) {
	dir, cacheDir := t.TempDir(), t.TempDir()
	write(t, dir, "a", "1")
	_, err := treeInputs(t, dir, nil, cacheDir)
	must(t, err)
	c := statcache.Open(cacheDir, dir+"\x00")
	if c.Len() != 0 {
		t.Errorf("%d entries are kept of a file that is 0 s old", c.Len())
	}
}

// One large file costs a buffer, and 50,000 files a few hundred bytes each.
func TestMemoryIsBounded(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "big", "")
	size := int64(256 << 20)
	if os.Getenv("FAIRLEAD_TEST_FULL") != "" {
		size = 2 << 30
	}
	must(t, os.Truncate(filepath.Join(dir, "big"), size))
	many := t.TempDir()
	write(t, many, "one", "x")
	for d := range 500 {
		at := filepath.Join(many, fmt.Sprintf("d%03d", d))
		must(t, os.Mkdir(at, 0o755))
		for f := range 100 {
			must(t, os.Link(filepath.Join(many, "one"), filepath.Join(at, fmt.Sprintf("f%03d", f))))
		}
	}
	for name, tt := range map[string]struct {
		dir   string
		limit uint64
	}{"one large file": {dir, 4 << 20}, "50,000 files": {many, 100 << 20}} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := treeInputs(t, tt.dir, nil, t.TempDir())
		must(t, err)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > tt.limit {
			t.Errorf("%s: %d bytes were allocated", name, used)
		}
	}
}

// What may not be read is an error that names it: BuildKit's client would send a file with nothing in it.
func TestWhatMayNotBeRead(t *testing.T) {
	root := t.TempDir()
	write(t, root, "secret/file", "x")
	must(t, os.Chmod(filepath.Join(root, "secret"), 0o700))
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and the thread ends with the goroutine: it has another user
		_ = unix.Setfsuid(65534)
		done <- newHasher(nil).read(t.Context(), root, &entry{path: "secret/file"})
		done <- (&tree{root: filepath.Join(root, "secret"), cache: &statcache.Cache{}}).readDir(new(dir))
	}()
	for _, at := range []string{"secret/file", "secret"} {
		want := filepath.Join(root, at) + ": permission denied: it must be readable for the user who runs fairlead"
		if err := <-done; err == nil || err.Error() != want {
			t.Errorf("got %v; want %s", err, want)
		}
	}
}

// Named contexts count where they are used: files of a directory by its own ignore file, the digest of a layout's tag, a name else.
func TestNamedContexts(t *testing.T) {
	dir, layout := t.TempDir(), t.TempDir()
	write(t, dir, "a/b", "x")
	write(t, dir, "c", "x")
	write(t, dir, ignoreName, "c\n"+ignoreName+"\n")
	blob := func(text string) digest.Digest {
		d := digest.FromString(text)
		write(t, layout, "blobs/sha256/"+d.Encoded(), text)
		return d
	}
	one10, latest, other := blob("1"), blob("2"), blob("3")
	index, err := json.Marshal(ocispec.Index{Manifests: []ocispec.Descriptor{
		{Digest: other, Annotations: map[string]string{annotationImageName: "example.com/other:1.0"}},
		{Digest: one10, Annotations: map[string]string{ocispec.AnnotationRefName: "1.0", annotationImageName: "example.com/a:latest"}},
		{Digest: latest, Annotations: map[string]string{ocispec.AnnotationRefName: "latest"}},
	}})
	must(t, err)
	write(t, layout, "index.json", string(index))
	contexts := map[string]spec.BuildContext{
		"dir": {Dir: dir}, "tagged": {Layout: layout + ":1.0"}, "latest": {Layout: layout}, "pinned": {Layout: layout + "@" + other.String()},
		"image": {Image: spec.Addr{Kind: spec.KindImage, Name: "base"}}, "reference": {Ref: "example.com/a:1"}, "unused": {Dir: "/nowhere"},
	}
	r := mustRead(t, spec.Build{Inline: "FROM tagged\nFROM latest\nFROM pinned AS p\nFROM image\nCOPY --from=dir a /\nCOPY --from=0 / /\nCOPY --from=1 / /\nRUN --mount=from=p,target=/p true\nCOPY --from=reference / /\n", Contexts: contexts}, Options{})
	sum := " " + digestOf([]byte("x"))
	if diff := cmp.Diff(map[string]string{"dir:a": "0755 dir", "dir:a/b": "0644" + sum}, files(r.Inputs)); diff != "" {
		t.Error("files (-want +got):", diff)
	}
	want := map[string]string{"tagged": one10.String(), "latest": latest.String(), "pinned": other.String(), "image": "image.base", "reference": "example.com/a:1"}
	if diff := cmp.Diff(want, byName(r.Inputs, planner.InputContext)); diff != "" {
		t.Error("contexts (-want +got):", diff)
	}
	if diff := cmp.Diff([]Base{{Context: "image", Platforms: []string{amd64}, Line: 4, Use: useFrom}, one("example.com/a:1", 9, useCopy, amd64)}, r.Bases); diff != "" {
		t.Error("bases (-want +got):", diff)
	}
	_, err = Read(t.Context(), &spec.Build{Inline: "FROM x\n", Contexts: map[string]spec.BuildContext{"x": {Layout: layout + ":1.O"}}}, Options{Host: amd64})
	if want := `there is no tag "1.O" in it. Did you mean "1.0"?`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v; want %s", err, want)
	}
}

// What an index says in several ways is read in one way.
func TestTagsOfLayouts(t *testing.T) {
	one, two := digest.FromString("1"), digest.FromString("2")
	for name, tt := range map[string]struct {
		index []ocispec.Descriptor
		word  string // after the layout's directory
		want  string // digest, or words of the error
	}{
		"a tag":                          {[]ocispec.Descriptor{entryOf(one, "v1", "")}, ":v1", one.String()},
		"a name":                         {[]ocispec.Descriptor{entryOf(one, "", "example.com/a:v1")}, ":v1", one.String()},
		"a name of docker's, bare":       {[]ocispec.Descriptor{entryOf(one, "", "docker.io/library/a:latest")}, "", one.String()},
		"a name in the tag's place":      {[]ocispec.Descriptor{entryOf(one, "example.com/a:v1", "")}, ":v1", one.String()},
		"a tag before a name":            {[]ocispec.Descriptor{entryOf(one, "", "example.com/a:v1"), entryOf(two, "v1", "")}, ":v1", two.String()},
		"a tag and another's name":       {[]ocispec.Descriptor{entryOf(one, "v2", "example.com/a:v1"), entryOf(two, "v1", "example.com/a:v2")}, ":v1", two.String()},
		"twice the same":                 {[]ocispec.Descriptor{entryOf(one, "v1", ""), entryOf(one, "v1", "example.com/a:v1")}, ":v1", one.String()},
		"one tag, two images":            {[]ocispec.Descriptor{entryOf(one, "v1", ""), entryOf(two, "v1", "")}, ":v1", "its index gives the tag \"v1\" to 2 images"},
		"two names, one tag":             {[]ocispec.Descriptor{entryOf(one, "", "a:v1"), entryOf(two, "", "b:v1")}, ":v1", "its index gives the tag \"v1\" to 2 images"},
		"no tag, and one image":          {[]ocispec.Descriptor{entryOf(one, "", "")}, "", one.String()},
		"no tag, and one image that has": {[]ocispec.Descriptor{entryOf(one, "v1", "")}, "", one.String()},
		"no tag, and two":                {[]ocispec.Descriptor{entryOf(one, "v1", ""), entryOf(two, "v2", "")}, "", "it has 2 images, and none has the tag \"latest\""},
		"another":                        {[]ocispec.Descriptor{entryOf(one, "v1", "")}, ":v2", "there is no tag \"v2\" in it"},
		"none at all":                    {nil, "", "there is no tag \"latest\" in it"},
		"a digest":                       {nil, "@" + one.String(), one.String()},
		"a digest that isn't there":      {nil, "@" + digest.FromString("x").String(), "there is no sha256:"},
		"no digest":                      {nil, "@sha256:1", "\"sha256:1\" is no digest"},
		"an image that isn't there":      {[]ocispec.Descriptor{entryOf(digest.FromString("x"), "v1", "")}, ":v1", "there is no sha256:"},
	} {
		dir := t.TempDir()
		for _, text := range []string{"1", "2"} {
			write(t, dir, "blobs/sha256/"+digest.FromString(text).Encoded(), text)
		}
		index, err := json.Marshal(ocispec.Index{Manifests: tt.index})
		must(t, err)
		write(t, dir, "index.json", string(index))
		at, got, err := layoutImage(dir + tt.word)
		if err == nil && (got != tt.want || at != dir) || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %s, %s, %v; want %s", name, at, got, err, tt.want)
		}
	}
}

func entryOf(d digest.Digest, tag, name string) ocispec.Descriptor {
	out := ocispec.Descriptor{Digest: d, Annotations: map[string]string{}}
	if tag != "" {
		out.Annotations[ocispec.AnnotationRefName] = tag
	}
	if name != "" {
		out.Annotations[annotationImageName] = name
	}
	return out
}

// Options count if they are set and change the result; a secret only as a keyed hash.
func TestBlockInputs(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "npmrc", "token")
	env := func(name string) (string, bool) { return "token", name == "TOKEN" }
	b := spec.Build{
		Inline: "FROM scratch AS x\n", Target: "X", Network: "none", ShmSize: 64 << 20, NoCache: true, SBOM: true, SSH: []string{"default"},
		Labels: map[string]string{"l": "1"}, Annotations: map[string]string{"n": "2"}, ExtraHosts: map[string]string{"h": "::1"}, Ulimits: map[string]string{"nofile": "1:2"},
		CacheFrom: []spec.BuildCache{{Type: "registry"}}, CacheTo: []spec.BuildCache{{Type: "inline"}},
		Secrets: []spec.BuildSecret{{ID: "file", File: dir + "/npmrc"}, {ID: "env", Env: "TOKEN"}},
	}
	key := func(text string) func() ([]byte, error) { return func() ([]byte, error) { return []byte(text), nil } }
	r := mustRead(t, b, Options{Key: key("key"), Env: env, Platforms: []string{amd64, arm64}})
	want := map[string]string{
		"target": "x", "network": "none", "shm_size": "67108864", "sbom": "yes", "inline cache": "yes",
		"label l": "1", "annotation n": "2", "extra_host h": "::1", "ulimit nofile": "1:2",
	}
	if diff := cmp.Diff(want, byName(r.Inputs, planner.InputOption)); diff != "" {
		t.Error("options (-want +got):", diff)
	}
	if diff := cmp.Diff(map[string]string{amd64: "yes", arm64: "yes"}, byName(r.Inputs, planner.InputPlatform)); diff != "" {
		t.Error("platforms (-want +got):", diff)
	}
	if bytes.Contains(r.Inputs.Encode(), []byte("token")) {
		t.Error("the secret is among the inputs")
	}
	secrets := byName(r.Inputs, planner.InputSecret)
	other := byName(mustRead(t, b, Options{Key: key("other"), Env: env}).Inputs, planner.InputSecret)
	seen := map[string]bool{secrets["file"]: true, secrets["env"]: true, other["file"]: true, other["env"]: true, digestOf([]byte("token")): true}
	if len(seen) != 5 || !strings.HasPrefix(secrets["file"], "hmac-sha256:") {
		t.Errorf("hashes say too much: %v, %v", secrets, other)
	}
}

// A repository counts by the commit that its ref stands for, and a file by what its server says of it.
func TestRemoteContexts(t *testing.T) {
	root := t.TempDir()
	git := func(args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", root + "/repo.git", "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	must(t, os.Mkdir(root+"/repo.git", 0o755))
	git("init", "-q", "-b", "main")
	git("commit", "-q", "--allow-empty", "-m", "1")
	git("tag", "-a", "v1", "-m", "1")
	git("update-server-info")
	first := git("rev-parse", "HEAD")
	etag := `"one"`
	mux := http.NewServeMux()
	mux.Handle("/repo.git/", http.StripPrefix("/repo.git/", http.FileServer(http.Dir(root+"/repo.git/.git"))))
	mux.HandleFunc("/context.tar", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			t.Errorf("the file was asked for with %s", r.Method)
		}
		w.Header().Set("ETag", etag)
	})
	said := "one"
	mux.HandleFunc("/silent.tar", func(w http.ResponseWriter, r *http.Request) { // neither ETag nor Last-Modified
		w.Header().Set("Content-Length", "3")
		_, _ = io.WriteString(w, said)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	state := func(at string) string {
		r := mustRead(t, spec.Build{Context: at, Args: map[string]string{"A": "1"}}, Options{})
		if !r.Opaque || byName(r.Inputs, planner.InputArg)["A"] != "1" {
			t.Errorf("%s: its Dockerfile is known, or an arg doesn't count", at)
		}
		return byName(r.Inputs, planner.InputContext)[mainContext]
	}
	repo := server.URL + "/repo.git"
	for _, tt := range []struct{ at, want string }{
		{repo, repo + " " + first}, {repo + "#main:sub", repo + "#main:sub " + first}, {repo + "#v1", repo + "#v1 " + first},
		{repo + "#" + first, repo + "#" + first}, {server.URL + "/context.tar", server.URL + `/context.tar "one"`},
		{server.URL + "/silent.tar", server.URL + "/silent.tar " + digestOf([]byte("one"))},
		{strings.Replace(repo, "://", "://me:hidden@", 1), strings.Replace(repo, "://", "://xxxxx@", 1) + " " + first},
	} {
		if got := state(tt.at); got != tt.want {
			t.Errorf("%s is %s; want %s", tt.at, got, tt.want)
		}
	}
	git("commit", "-q", "--allow-empty", "-m", "2")
	git("update-server-info")
	etag, said = `"two"`, "two"
	if got := state(repo); got == repo+" "+first {
		t.Error("a new commit isn't seen")
	}
	if got := state(server.URL + "/context.tar"); got != server.URL+`/context.tar "two"` {
		t.Error("new content isn't seen:", got)
	}
	if got := state(server.URL + "/silent.tar"); got != server.URL+"/silent.tar "+digestOf([]byte("two")) {
		t.Error("new content that the server says nothing of isn't seen:", got)
	}
	for at, want := range map[string]string{
		repo + "#nowhere":                    "there is no branch or tag nowhere",
		server.URL + "/missing.git":          "/missing.git: it cannot be reached: ",
		server.URL + "/missing.tar":          "/missing.tar: the server answers 404 Not Found. Correct the URL",
		"http://me:hidden@127.0.0.1:1/x":     "context http://xxxxx@127.0.0.1:1/x: it cannot be reached: dial tcp 127.0.0.1:1",
		"http://me:hidden@127.0.0.1:1/x.git": "context http://xxxxx@127.0.0.1:1/x.git: it cannot be reached: ",
	} {
		_, err := Read(t.Context(), &spec.Build{Context: at}, Options{Host: amd64})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: got %v; want %s", at, err, want)
		}
	}
}
