package buildkit

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/executor/build"
	"github.com/fairlead-dev/fairlead/executor/registry/registrytest"
	"github.com/fairlead-dev/fairlead/spec"
)

// tree writes files below a new directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// packed gives files as a tar, gzipped.
func packed(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for name, text := range files {
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))})
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Wherever a Dockerfile and what it copies come from, they come.
func TestInputs(t *testing.T) {
	const copies = "FROM scratch\nCOPY . /\n"
	files := map[string]string{
		"Dockerfile": copies, "a": "A", "skip": "S", ".dockerignore": "skip\n",
		"sub/Other": "FROM scratch\nCOPY a /other\n", "sub/Own": copies, "sub/Own.dockerignore": "*\n!skip\n",
	}
	each(t, func(b *bench) {
		dir := tree(b.t, files)
		archive := filepath.Join(tree(b.t, nil), "c.tar.gz")
		if err := os.WriteFile(archive, packed(b.t, files), 0o644); err != nil {
			b.t.Fatal(err)
		}
		server := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(archive))))
		defer server.Close()
		outside := filepath.Join(tree(b.t, map[string]string{"D": "FROM scratch\nCOPY a /outside\n"}), "D")
		one := registrytest.Image(b.t, "amd64", 100, 1)
		layoutDir, oneFile := b.layout(one)
		for _, c := range []struct {
			name  string
			build spec.Build
			has   []string
			not   []string
		}{
			{"a directory", spec.Build{Context: dir}, []string{"a", "sub/Other"}, []string{"skip"}},
			{"a Dockerfile below", spec.Build{Context: dir, Dockerfile: "sub/Other"}, []string{"other"}, []string{"a"}},
			{"its own ignore file", spec.Build{Context: dir, Dockerfile: "sub/Own"}, []string{"skip"}, []string{"a"}},
			{"a Dockerfile elsewhere", spec.Build{Context: dir, Dockerfile: outside}, []string{"outside"}, []string{"a"}},
			{"inline", spec.Build{Context: dir, Inline: "FROM scratch\nCOPY a /inline\n"}, []string{"inline"}, []string{"a"}},
			{"inline alone", spec.Build{Inline: "FROM scratch\nCOPY <<E /text\nhi\nE\n"}, []string{"text"}, nil},
			{"a tar", spec.Build{Context: archive}, []string{"a"}, nil},
			{"a Dockerfile in a tar", spec.Build{Context: archive, Dockerfile: "sub/Other"}, []string{"other"}, []string{"a"}},
			{"a tar and a Dockerfile elsewhere", spec.Build{Context: archive, Dockerfile: outside}, []string{"outside"}, []string{"a"}},
			{"a tar and inline", spec.Build{Context: archive, Inline: "FROM scratch\nCOPY a /inline\n"}, []string{"inline"}, []string{"a"}},
			{"a URL", spec.Build{Context: server.URL + "/c.tar.gz"}, []string{"a"}, nil},
			{"a named directory", spec.Build{Inline: "FROM scratch\nCOPY --from=n a /named\n", Contexts: map[string]spec.BuildContext{"n": {Dir: dir}}},
				[]string{"named"}, nil},
			{"a named URL", spec.Build{Inline: "FROM scratch\nCOPY --from=n context /named\n",
				Contexts: map[string]spec.BuildContext{"n": {URL: server.URL + "/c.tar.gz"}}}, []string{"named"}, nil},
			{"an OCI layout", spec.Build{Inline: "FROM n\n", Contexts: map[string]spec.BuildContext{"n": {Layout: layoutDir + ":v1"}}}, []string{oneFile}, nil},
			{"an OCI layout by digest", spec.Build{Inline: "FROM docker.io/some/name:1\n", Contexts: map[string]spec.BuildContext{
				"docker.io/some/name:1": {Layout: layoutDir + "@" + registrytest.Digest(b.t, one)}}}, []string{oneFile}, nil},
			{"a target", spec.Build{Context: dir, Inline: "FROM scratch AS one\nCOPY a /one\nFROM one\nCOPY a /two\n", Target: "one"}, []string{"one"}, []string{"two"}},
		} {
			b.t.Run(c.name, func(t *testing.T) {
				res, err := b.Build(b.ctx, Request{Record: record, Build: &c.build}, b.report)
				if err != nil {
					t.Fatalf("%v\n%s", err, b.log())
				}
				got := b.files(res.Target)
				for _, f := range c.has {
					if _, ok := got[f]; !ok {
						t.Errorf("%s is missing: %d files", f, len(got))
					}
				}
				for _, f := range c.not {
					if _, ok := got[f]; ok {
						t.Errorf("%s is there", f)
					}
				}
			})
		}
	})
}

// layout writes an image as an OCI layout, with the tag v1, and gives the name of a file in it.
func (b *bench) layout(image v1.Image) (dir, file string) {
	b.t.Helper()
	dir = b.t.TempDir()
	p, err := layout.Write(dir, empty.Index)
	if err == nil {
		err = p.AppendImage(image, layout.WithAnnotations(map[string]string{ocispec.AnnotationRefName: "v1"}))
	}
	if err != nil {
		b.t.Fatal(err)
	}
	layers, err := image.Layers()
	if err != nil {
		b.t.Fatal(err)
	}
	r, err := layers[0].Uncompressed()
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	h, err := tar.NewReader(r).Next()
	if err != nil {
		b.t.Fatal(err)
	}
	return dir, h.Name
}

// An image in containerd's content store is a base, under its context's name or under what FROM says.
func TestImages(t *testing.T) {
	each(t, func(b *bench) {
		base := b.build(b.inline("docker.io/library/base:1", shell+"RUN echo base >/base\n"))
		for _, name := range []string{"mybase", "docker.io/library/nosuch:latest", "registry.invalid/team/base:2"} {
			res := b.build(Request{
				Record: record,
				Build:  &spec.Build{Inline: "FROM " + name + "\nRUN cat /base >/copy\n"},
				Images: map[string]ocispec.Descriptor{name: base.Target},
			})
			if got := b.files(res.Target); got["copy"] != "base\n" || got["bin/sh"] == "" {
				b.t.Errorf("%s: copy is %q of %d files", name, got["copy"], len(got))
			}
		}
		_, err := b.Build(b.ctx, Request{Build: &spec.Build{Inline: "FROM x\n", Contexts: map[string]spec.BuildContext{"x": {Image: spec.Addr{Kind: "image", Name: "y"}}}}}, nil)
		if err == nil || !strings.Contains(err.Error(), "context x: image.y is not built or pulled yet") {
			b.t.Errorf("error: %v", err)
		}
	})
}

// A base is taken at the digest that it is pinned to, though its tag has moved; its registry is reached with the block's login and CA.
func TestPins(t *testing.T) {
	const user, secret = "ci", "correct horse"
	each(t, func(b *bench) {
		reg := registrytest.New(b.t, true, func(w http.ResponseWriter, r *http.Request) bool {
			if u, p, _ := r.BasicAuth(); u == user && p == secret {
				return false
			}
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		old := registrytest.Image(b.t, "amd64", 100, 1)
		pinned := reg.Push(b.t, "base:1", old)
		reg.Push(b.t, "base:1", registrytest.Image(b.t, "amd64", 200, 1))
		ca := filepath.Join(b.t.TempDir(), "ca.pem")
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: reg.Certificate().Raw})
		if err := os.WriteFile(ca, text, 0o600); err != nil {
			b.t.Fatal(err)
		}
		block := &spec.Registry{Host: reg.Host, Username: user, Password: secret, CA: ca}
		o := newBench(b.t, b.daemon, Options{Host: Own, Registries: []*spec.Registry{block}})
		name := reg.Host + "/base:1"
		res := o.build(Request{
			Record: record,
			Build:  &spec.Build{Inline: "FROM " + name + "\nCOPY --from=" + name + " / /copy\n"},
			Pins:   map[string]string{name: reg.Host + "/base@" + pinned},
		})
		layers, err := old.Layers()
		if err != nil {
			b.t.Fatal(err)
		}
		want, _ := layers[0].DiffID()
		if _, cfg := o.manifest(res.Target); cfg.RootFS.DiffIDs[0] != digest.Digest(want.String()) {
			b.t.Errorf("the base is %s, not %s", cfg.RootFS.DiffIDs[0], want)
		}
		_, err = o.Build(o.ctx, Request{
			Build: &spec.Build{Inline: "# syntax=" + name + "\nFROM scratch\n"},
			Pins:  map[string]string{name: reg.Host + "/nosuch@" + pinned},
		}, nil)
		if err == nil || !strings.Contains(err.Error(), "no such name") { // base:1 is there
			b.t.Errorf("the frontend isn't pinned: %v", err)
		}
		if err := o.Close(context.Background()); err != nil {
			b.t.Error(err)
		}
		block.Password = "wrong"
		o = newBench(b.t, b.daemon, Options{Host: Own, DataRoot: b.daemon.Dir + "/wrong", Registries: []*spec.Registry{block}})
		_, err = o.Build(o.ctx, Request{Record: record, Build: &spec.Build{Inline: "FROM " + name + "\n"}}, nil)
		if err == nil || !strings.Contains(err.Error(), "wants a login") {
			b.t.Errorf("error: %v", err)
		}
	})
}

// All that a build block says arrives.
func TestOptions(t *testing.T) {
	each(t, func(b *bench) {
		r := b.inline(record, shell+`ARG VERSION
ARG SOURCE_DATE_EPOCH
RUN --mount=type=secret,id=s echo "$VERSION $SOURCE_DATE_EPOCH $(cat /run/secrets/s | tr a-z A-Z)" >/out
RUN cat /etc/hosts >/hosts; ulimit -n >/nofile; df /dev/shm | tail -1 | tr -s " " >/shm
`)
		b.secrets = map[string]build.Secret{"s": {Value: []byte("hush-hush-secret")}}
		r.Build.Args = map[string]string{"VERSION": "1.5", "SOURCE_DATE_EPOCH": "1000"}
		r.Build.Labels = map[string]string{"l": "L"}
		r.Build.Annotations = map[string]string{"n": "N"}
		r.Build.ExtraHosts = map[string]string{"elsewhere": "10.1.2.3"}
		r.Build.Ulimits = map[string]string{"nofile": "321:654"}
		r.Build.ShmSize = 1 << 20
		r.Build.Network = "host"
		cache := b.t.TempDir() + "/cache"
		r.Build.CacheFrom = []spec.BuildCache{{Type: "local", Attrs: map[string]string{"src": cache}}}
		r.Build.CacheTo = []spec.BuildCache{{Type: "local", Attrs: map[string]string{"dest": cache, "mode": "max"}}}
		res := b.build(r)
		m, cfg := b.manifest(res.Target)
		if m.Annotations["n"] != "N" || cfg.Config.Labels["l"] != "L" || cfg.Created.Unix() != 1000 {
			b.t.Errorf("%+v\n%+v", m, cfg)
		}
		got := b.files(res.Target)
		for file, want := range map[string]string{
			"out": "1.5 1000 HUSH-HUSH-SECRET\n", "hosts": "10.1.2.3\telsewhere\n", "nofile": "321\n", "shm": "tmpfs 1024 ",
		} {
			if !strings.Contains(got[file], want) {
				b.t.Errorf("%s is %q", file, got[file])
			}
		}
		b.secretIsNowhere("hush-hush-secret")
		if _, err := b.Prune(b.ctx, true); err != nil {
			b.t.Error(err)
		}
		b.lines = nil
		if again := b.build(r); again.Target.Digest != res.Target.Digest || !strings.Contains(b.log(), "CACHED [base 2/3]") {
			b.t.Errorf("the local cache wasn't used: %s\n%s", again.Target.Digest, b.log())
		}
		r.Build.Provenance = true
		var index ocispec.Index
		if b.read(b.build(r).Target, &index); len(index.Manifests) != 2 {
			b.t.Errorf("no attestation: %+v", index)
		}
	})
}

// secretIsNowhere searches all files of containerd and of the builder.
func (b *bench) secretIsNowhere(secret string) {
	b.t.Helper()
	if strings.Contains(b.log(), secret) {
		b.t.Errorf("the secret is in the log:\n%s", b.log())
	}
	err := filepath.WalkDir(b.daemon.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // it went meanwhile
		}
		text, err := os.ReadFile(path)
		if err == nil && bytes.Contains(text, []byte(secret)) {
			b.t.Errorf("the secret is in %s", path)
		}
		return nil
	})
	if err != nil {
		b.t.Error(err)
	}
}
