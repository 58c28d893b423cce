package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
)

// wantError checks that an error begins with its object and has the words that matter.
func wantError(t *testing.T, err error, object string, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", words)
	}
	if !strings.HasPrefix(err.Error(), object+": ") {
		t.Errorf("error %q doesn't begin with its object, %s", err, object)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error is %q; want %q in it", err, w)
		}
	}
}

// tryAll opens path and selects name, and fails the test if that takes long.
func tryAll(t *testing.T, path, name string) error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		a, err := Open(t.Context(), path)
		if err == nil {
			_, err = a.Select(name)
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(90 * time.Second):
		t.Fatalf("%s: reading it takes for ever", path)
		return nil
	}
}

// block is a tar entry byte by byte, for what archive/tar doesn't write.
func block(name string, kind byte, body string) string {
	b := make([]byte, 512)
	copy(b, name)
	copy(b[100:], "0000644\x000000000\x000000000\x00")
	copy(b[124:], fmt.Sprintf("%011o\x0000000000000\x00", len(body)))
	copy(b[148:], "        ")
	b[156] = kind
	copy(b[257:], "ustar\x0000")
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return string(b) + body + strings.Repeat("\x00", (512-len(body)%512)%512)
}

// record is one line of a PAX header.
func record(k, v string) string {
	for n := len(k) + len(v) + 4; ; n++ {
		if s := fmt.Sprintf("%d %s=%s\n", n, k, v); len(s) == n {
			return s
		}
	}
}

const end = "\x00"

func TestBadFiles(t *testing.T) {
	config, layer := linuxConfig, "layer"
	manifest := manifestOf(config, layer)
	good := []file{{name: "c.json", body: config}, {name: "l.tar", body: layer}}
	one := []entryJSON{{Config: "c.json", Layers: []string{"l.tar"}}}
	pax := strings.Join([]string{record("GNU.sparse.major", "1"), record("GNU.sparse.minor", "0"), record("GNU.sparse.name", "l.tar"),
		record("GNU.sparse.realsize", fmt.Sprint(int64(1)<<60))}, "")
	huge := `{"schemaVersion":2,"junk":"` + strings.Repeat("x", maxDocument) + `"}`
	tags := make([]string, 50_000)
	for i := range tags {
		tags[i] = fmt.Sprint("t", i)
	}
	other := manifestOf(config)

	for _, tt := range []struct {
		name  string
		bytes []byte
		words []string
	}{
		{"an empty file", nil, []string{"the file is empty", "save it again"}},
		{"a short text", []byte("hello\n"), []string{"it is no image archive", "docker save"}},
		{"a long text", []byte(strings.Repeat("hello\n", 1000)), []string{"it is no image archive", "docker save"}},
		{"a text, gzip'd", gzipped(t, []byte("hello\n")), []string{"it is no image archive"}},
		{"gzip of nothing", gzipped(t, nil), []string{"it is no image archive"}},
		{"zeros", make([]byte, 4096), []string{"it is no image archive"}},
		{"xz", []byte("\xfd7zXZ\x00 and so on"), []string{"compressed with xz", "xz -dk"}},
		{"bzip2 that isn't", []byte("BZh9 and so on, and so on"), []string{"corrupt"}},
		{"zstd that isn't", append([]byte{0x28, 0xb5, 0x2f, 0xfd}, strings.Repeat("\xff", 600)...), []string{"corrupt", "save it again"}},
		{"gzip with a wrong byte", func() []byte { b := gzipped(t, saved(t, one, good...)); b[len(b)/2] ^= 0xff; return b }(), []string{"corrupt"}},
		{"a tar of something else", tarOf(t, file{name: "etc/hosts", body: "x"}), []string{"it is no image archive"}},
		{"no image in it", saved(t, []entryJSON{}, good...), []string{"there is no image in it"}},
		{"an overlong PAX header", []byte(block("x", 'x', strings.Repeat("x", 2<<20))), []string{"corrupt"}},
		{"a sparse file", []byte(block("p", 'x', pax) + block("l.tar", '0', "0\n"+strings.Repeat(end, 510)) + strings.Repeat(end, 1024)),
			[]string{`"l.tar"`, "sparse"}},

		{"a name that climbs", saved(t, one, append(good, file{name: "../../etc/passwd", body: "x"})...), []string{`"../../etc/passwd"`, "leads out of the archive", "trust"}},
		{"a name that climbs in its middle", saved(t, one, append(good, file{name: "a/../../x", body: "x"})...), []string{`"a/../../x"`, "leads out"}},
		{"an absolute name", saved(t, one, append(good, file{name: "/etc/passwd", body: "x"})...), []string{`"/etc/passwd"`, "leads out"}},
		{"a symlink that climbs", saved(t, one, append(good, file{name: "a/l", link: "../../x", kind: '2'})...), []string{"a/l -> ../../x", "leads out"}},
		{"an absolute symlink", saved(t, one, append(good, file{name: "l", link: "/etc/passwd", kind: '2'})...), []string{"l -> /etc/passwd", "leads out"}},
		{"a hard link that climbs", saved(t, one, append(good, file{name: "l", link: "../x", kind: '1'})...), []string{"l -> ../x", "leads out"}},
		{"an absolute hard link", saved(t, one, append(good, file{name: "l", link: "/etc/passwd", kind: '1'})...), []string{"l -> /etc/passwd", "leads out"}},
		{"a device", saved(t, one, append(good, file{name: "null", kind: '3'})...), []string{`"null"`, "device"}},
		{"a manifest that names what is outside", saved(t, []entryJSON{{Config: "../c.json"}}, good...), []string{`"../c.json"`, "leads out"}},
		{"links in a circle", saved(t, []entryJSON{{Config: "a"}}, file{name: "a", link: "b", kind: '2'}, file{name: "b", link: "a", kind: '2'}), []string{`config "a"`, "missing"}},

		{"manifest.json is no JSON", tarOf(t, append(good, file{name: "manifest.json", body: "[{"})...), []string{"corrupt", "manifest.json", "no valid JSON"}},
		{"manifest.json is something else", tarOf(t, append(good, file{name: "manifest.json", body: `{"a":1}`})...), []string{"corrupt", "manifest.json"}},
		{"manifest.json is there twice", saved(t, one, append(good, file{name: "manifest.json", body: "[]"})...), []string{"manifest.json is in it twice"}},
		{"a layer that isn't there", saved(t, one, good[0]), []string{`layer "l.tar"`, "missing", "Save it again"}},
		{"a config that isn't there", saved(t, one, good[1]), []string{`config "c.json"`, "missing"}},
		{"a config that is no JSON", saved(t, one, file{name: "c.json", body: "{"}, good[1]), []string{"no image to run"}},
		{"two files of one name", saved(t, one, append(good, file{name: "l.tar", body: "another"})...), []string{"l.tar", "twice"}},
		{"a huge manifest.json", tarOf(t, append(good, file{name: "manifest.json", body: huge})...), []string{"manifest.json", "more than 8388608 are not read"}},
		{"layers without end", saved(t, []entryJSON{{Config: "c.json", Layers: strings.Split(strings.Repeat("l.tar,", 50_000)+"l.tar", ",")}}, good...), []string{"50001 layers"}},
		{"tags without end", saved(t, []entryJSON{{Config: "c.json", RepoTags: tags}}, good...), []string{"50000 tags"}},
		{"images without end", saved(t, make([]entryJSON, 50_000), good...), []string{"50000 images"}},

		{"index.json is missing", tarOf(t, ociFile, blobFile(manifest)), []string{"index.json is missing", "Save it again"}},
		{"index.json is no JSON", oci(t, "{"), []string{"corrupt", "index.json", "no valid JSON"}},
		{"oci-layout is no JSON", tarOf(t, file{name: "oci-layout", body: "x"}), []string{"corrupt", "oci-layout"}},
		{"another version of layout", tarOf(t, file{name: "oci-layout", body: `{"imageLayoutVersion":"9"}`}), []string{`version "9"`, "1.0.0"}},
		{"no digest", oci(t, indexOf(`{"mediaType":"x","digest":"sha256:../../etc/passwd","size":1}`)), []string{"corrupt", "no digest"}},
		{"content that differs from its name", tarOf(t, ociFile, file{name: "index.json", body: indexOf()}, file{name: blobFile("a").name, body: "b"}),
			[]string{"corrupt", blobFile("a").name, digest.FromString("b").String(), "save it again"}},
		{"a manifest that is missing", oci(t, indexOf(descOf(manifestType, manifest, "")), config, layer), []string{"not whole", digest.FromString(manifest).String(), "missing"}},
		{"a layer that is missing", oci(t, indexOf(descOf(manifestType, manifest, "")), manifest, config), []string{"not whole", digest.FromString(layer).String(), "missing"}},
		{"a config that is missing", oci(t, indexOf(descOf(manifestType, manifest, "")), manifest, layer), []string{"not whole", digest.FromString(config).String(), "missing"}},
		{"a layer of another size", oci(t, indexOf(descOf(manifestType, strings.Replace(manifest, `"size":5`, `"size":6`, 1), "")), strings.Replace(manifest, `"size":5`, `"size":6`, 1), config, layer),
			[]string{"corrupt", "5 bytes", "says 6"}},
		{"a manifest of another size", oci(t, strings.Replace(indexOf(descOf(manifestType, manifest, "")), fmt.Sprint(`"size":`, len(manifest)), `"size":7`, 1), manifest, config, layer),
			[]string{"corrupt", digest.FromString(manifest).String(), "says 7"}},
		{"a manifest that is a huge document", oci(t, indexOf(descOf(manifestType, huge, "")), huge), []string{digest.FromString(huge).String(), "more than 8388608 are not read"}},
		{"a manifest that is a layer", oci(t, indexOf(descOf(manifestType, layer, "")), layer), []string{digest.FromString(layer).String(), "is no JSON"}},
		{"a manifest that is an index", oci(t, indexOf(descOf(manifestType, indexOf(), "")), indexOf()), []string{"corrupt", "expected manifest but found index"}},
		{"no platform", oci(t, indexOf(descOf(manifestType, manifestOf("{}"), "")), manifestOf("{}"), "{}"), []string{"no image to run", "no platform"}},
		{"an artifact", oci(t, indexOf(descOf("application/vnd.example", "{}", "")), "{}"), []string{`type "application/vnd.example"`, "no image"}},
		{"two images of one name", oci(t, indexOf(descOf(manifestType, manifest, ref("a:1")), descOf(manifestType, other, ref("a:1"))), manifest, other, config, layer),
			[]string{"2 images", "named docker.io/library/a:1", "save one image alone"}},
		{"a name that isn't there", oci(t, indexOf(descOf(manifestType, manifest, ref("a:1")), descOf(manifestType, other, ref("b:1"))), manifest, other, config, layer),
			[]string{"none is docker.io/library/a:2", "it has docker.io/library/a:1, docker.io/library/b:1", "save one image alone"}},
		{"images without names", oci(t, indexOf(descOf(manifestType, manifest, ""), descOf(manifestType, other, "")), manifest, other, config, layer), []string{"2 images without names"}},
		{"indexes in indexes without end", nest(t, 6, 1), []string{"nested more than 4 deep"}},
		{"indexes that multiply", nest(t, 4, 3000), []string{"no image to run"}},
		{"images without end in a layout", oci(t, indexOf(strings.Split(strings.Repeat("{},", 50_000)+"{}", ",")...)), []string{"index.json has 50001 entries"}},
		{"an index without end", oci(t, indexOf(descOf(indexType, indexOf(strings.Split(strings.Repeat("{},", 50_000)+"{}", ",")...), "")),
			indexOf(strings.Split(strings.Repeat("{},", 50_000)+"{}", ",")...)), []string{"50001 entries"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, tt.bytes)
			wantError(t, tryAll(t, path, "docker.io/library/a:"+map[bool]string{true: "1", false: "2"}[strings.HasPrefix(tt.name, "two")]), path, tt.words...)
		})
	}
}

func ref(name string) string {
	return `,"annotations":{"org.opencontainers.image.ref.name":"` + name + `"}`
}

// nest gives depth indexes, each of which names the next one wide times.
func nest(t *testing.T, depth, wide int) []byte {
	t.Helper()
	top, blobs := indexOf(), []string{indexOf()}
	for range depth {
		desc := descOf(indexType, top, "")
		top = indexOf(desc + strings.Repeat(","+desc, wide-1))
		blobs = append(blobs, top)
	}
	return oci(t, top, blobs[:len(blobs)-1]...)
}

func TestBadPaths(t *testing.T) {
	m := must[*v1.Manifest](t)(imageFor(t, "amd64").Manifest())
	layer := filepath.Join("blobs", "sha256", m.Layers[0].Digest.Hex)
	outside := write(t, []byte("secret"))
	replace := func(t *testing.T, name string, with func(path string) error) string {
		t.Helper()
		dir := ociLayout(t, named{what: imageFor(t, "amd64")})
		path := filepath.Join(dir, name)
		_ = os.Remove(path)
		if err := with(path); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	fifo := func(path string) error { return syscall.Mkfifo(path, 0o600) }
	link := func(path string) error { return os.Symlink(outside, path) }
	nothing := func(string) error { return nil }
	for _, tt := range []struct {
		name  string
		path  func(t *testing.T) string
		words []string
	}{
		{"no file", func(t *testing.T) string { return filepath.Join(t.TempDir(), "gone.tar") }, []string{"there is no such file", "correct the path"}},
		{"a pipe", func(t *testing.T) string { return filepath.Join(replace(t, "p", fifo), "p") }, []string{"neither a file nor a directory"}},
		{"an empty directory", func(t *testing.T) string { return t.TempDir() }, []string{"no OCI layout", "oci-layout and index.json", "Name an archive"}},
		{"a layout without index.json", func(t *testing.T) string { return replace(t, "index.json", nothing) }, []string{"no OCI layout"}},
		{"a layout without oci-layout", func(t *testing.T) string { return replace(t, "oci-layout", nothing) }, []string{"no OCI layout"}},
		{"a layer that is gone", func(t *testing.T) string { return replace(t, layer, nothing) }, []string{"not whole", m.Layers[0].Digest.String()}},
		{"a layer that is a link out of it", func(t *testing.T) string { return replace(t, layer, link) }, []string{layer, "leads out of it"}},
		{"index.json that is a link out of it", func(t *testing.T) string { return replace(t, "index.json", link) }, []string{"index.json", "leads out of it"}},
		{"oci-layout that is a link out of it", func(t *testing.T) string { return replace(t, "oci-layout", link) }, []string{"leads out of it"}},
		{"a layer that is a pipe", func(t *testing.T) string { return replace(t, layer, fifo) }, []string{layer, "is no file"}},
		{"oci-layout that is a pipe", func(t *testing.T) string { return replace(t, "oci-layout", fifo) }, []string{"oci-layout", "is no file"}},
		{"a layer that is a link to a pipe", func(t *testing.T) string {
			return replace(t, layer, func(path string) error {
				if err := fifo(filepath.Join(filepath.Dir(path), "..", "p")); err != nil {
					return err
				}
				return os.Symlink("../p", path)
			})
		}, []string{"is no file"}},
		{"a layer with other bytes", func(t *testing.T) string {
			return replace(t, layer, func(path string) error { return os.WriteFile(path, make([]byte, m.Layers[0].Size), 0o600) })
		}, []string{"corrupt", layer, "save it again"}},
		{"a file that may not be read", func(t *testing.T) string {
			if os.Geteuid() == 0 {
				t.Skip("root reads everything")
			}
			path := write(t, []byte("x"))
			if err := os.Chmod(path, 0); err != nil {
				t.Fatal(err)
			}
			return path
		}, []string{"permission denied", "the user who runs fairlead"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.path(t)
			err := tryAll(t, path, "x")
			wantError(t, err, path, tt.words...)
			if strings.Contains(fmt.Sprint(err), "secret") {
				t.Errorf("%v: it shows what is outside", err)
			}
		})
	}
}

// Wherever a file is cut off, it is an error that says so: it ends too early, or lacks what it names.
func TestCutOff(t *testing.T) {
	docker := dockerSave(t, map[string]v1.Image{"aa": imageFor(t, "amd64")})
	layout := tarDir(t, ociLayout(t, named{what: imageFor(t, "amd64")}))
	for _, tt := range []struct {
		name  string
		whole []byte
		need  int // bytes that it needs; what follows is the end of a tar, which may be missing
	}{
		{"docker", docker, len(docker) - 1024}, {"oci", layout, len(layout) - 1024},
		{"docker, gzip", gzipped(t, docker), 0}, {"oci, zstd", zstded(t, layout), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.need == 0 {
				tt.need = len(tt.whole)
			}
			tt.need = len(bytes.TrimRight(tt.whole[:tt.need], "\x00"))
			path := write(t, tt.whole)
			if err := tryAll(t, path, "a"); err != nil {
				t.Fatal(err)
			}
			cuts := []int{1, 5, 300, 600, 1000, tt.need / 2, tt.need - 3}
			for at := 512; at < tt.need; at += 512 {
				cuts = append(cuts, at)
			}
			for _, at := range cuts {
				if err := os.WriteFile(path, tt.whole[:at], 0o600); err != nil {
					t.Fatal(err)
				}
				err := tryAll(t, path, "a")
				if err == nil {
					t.Errorf("cut to %d of %d bytes, it is taken for whole", at, len(tt.whole))
					continue
				}
				words := []string{"truncated", "missing", "not whole"}
				if at < 512 {
					words = append(words, "no image archive")
				}
				if !strings.HasPrefix(err.Error(), path+": ") || !containsAny(err.Error(), words...) {
					t.Errorf("cut to %d of %d bytes: %v", at, len(tt.whole), err)
				}
			}
		})
	}
}

func containsAny(s string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// A file that is another one when it is read for the second time is not passed on as what it was.
func TestAFileThatChangesWhileItIsRead(t *testing.T) {
	list := must[[]byte](t)(json.Marshal([]entryJSON{{Config: "c.json", Layers: []string{"l.tar"}}}))
	whole := func(layer string) []byte {
		return tarOf(t, file{name: "c.json", body: linuxConfig}, file{name: "l.tar", body: layer}, file{name: "manifest.json", body: string(list)})
	}
	path := write(t, whole("before"))
	a, f := select1(t, path, "x")
	for what, now := range map[string][]byte{"other bytes": whole("behind"), "no layer": tarOf(t, file{name: "c.json", body: linuxConfig})} {
		if err := os.WriteFile(path, now, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(what, func(t *testing.T) {
			wantError(t, a.Blobs(t.Context(), f, []string{"linux/amd64"}, discard), path, "changed while it was read")
		})
	}
}
