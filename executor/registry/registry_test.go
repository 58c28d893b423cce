package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/fairlead-dev/fairlead/executor/registry/registrytest"
)

// weighed is what go-containerregistry says that an image has: its bytes and its blobs.
func weighed(t *testing.T, img v1.Image) (int64, []string) {
	t.Helper()
	raw := must[[]byte](t)(img.RawManifest())
	m := must[*v1.Manifest](t)(img.Manifest())
	sum, all := int64(len(raw))+m.Config.Size, []string{registrytest.Digest(t, img), m.Config.Digest.String()}
	for _, l := range m.Layers {
		sum += l.Size
		all = append(all, l.Digest.String())
	}
	return sum, all
}

// Digest, platforms, sizes and contents are what go-containerregistry says of what was pushed.
func TestResolve(t *testing.T) {
	s := registrytest.New(t, false, nil)
	amd, arm, v7 := imageFor(t, "amd64"), imageFor(t, "arm64"), imageFor(t, "arm")
	idx := registrytest.Index(map[string]v1.Image{"linux/amd64": amd, "linux/arm64/v8": arm, "linux/arm": v7, "unknown/unknown": must[v1.Image](t)(random.Image(9, 1))})
	for _, tt := range []struct {
		name, ref string
		what      interface {
			Digest() (v1.Hash, error)
			RawManifest() ([]byte, error)
		}
		platforms map[string]v1.Image
	}{
		{"image", "app:1", amd, map[string]v1.Image{"linux/amd64": amd}},
		{"index", "app:all", idx, map[string]v1.Image{"linux/amd64": amd, "linux/arm64": arm, "linux/arm/v7": v7}},
		{"index by its digest", "app@" + registrytest.Digest(t, idx), idx, map[string]v1.Image{"linux/amd64": amd, "linux/arm64": arm, "linux/arm/v7": v7}},
		{"an image without a platform", "app:none", empty.Image, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(tt.ref, "@") {
				s.Push(t, tt.ref, tt.what)
			}
			got := must[Resolved](t)(Resolve(t.Context(), hostsFor(t), s.Host+"/"+tt.ref))
			raw := must[[]byte](t)(tt.what.RawManifest())
			sizes, contents := map[string]int64{}, map[string][]string{}
			for p, img := range tt.platforms {
				sizes[p], contents[p] = weighed(t, img)
			}
			if got.Digest != registrytest.Digest(t, tt.what) || got.Size != int64(len(raw)) {
				t.Errorf("resolved to %s of %d bytes; want %s of %d", got.Digest, got.Size, registrytest.Digest(t, tt.what), len(raw))
			}
			if diff := cmp.Diff(sizes, got.Platforms); diff != "" {
				t.Error("platforms (-want +got):", diff)
			}
			if idx, ok := tt.what.(v1.ImageIndex); ok {
				for _, m := range must[*v1.IndexManifest](t)(idx.IndexManifest()).Manifests {
					contents[""] = append(contents[""], m.Digest.String())
				}
			}
			if diff := cmp.Diff(contents, got.Contents); diff != "" {
				t.Error("contents (-want +got):", diff)
			}
		})
	}
}

// Of two manifests for one platform the first is the one that runs; nobody asks for the second.
func TestTheFirstOfAPlatformCounts(t *testing.T) {
	first, second := imageFor(t, "arm64"), imageFor(t, "arm64")
	s := registrytest.New(t, false, func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, registrytest.Digest(t, second)) && status(http.StatusTeapot)(w, r)
	})
	s.Push(t, "app:1", mutate.AppendManifests(registrytest.Index(map[string]v1.Image{"linux/arm64": first}),
		mutate.IndexAddendum{Add: second, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}}}))
	got := must[Resolved](t)(Resolve(t.Context(), hostsFor(t), s.Host+"/app:1"))
	sum, all := weighed(t, first)
	if diff := cmp.Diff(map[string]int64{"linux/arm64": sum}, got.Platforms); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(all, got.Contents["linux/arm64"]); diff != "" {
		t.Error(diff)
	}
}

// A copy of an index that has some of its platforms alone is resolved to those.
func TestAPlatformThatTheRegistryLacksIsNotReported(t *testing.T) {
	amd, arm := imageFor(t, "amd64"), imageFor(t, "arm64")
	s := registrytest.New(t, false, func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, registrytest.Digest(t, arm)) && status(http.StatusNotFound)(w, r)
	})
	s.Push(t, "app:1", registrytest.Index(map[string]v1.Image{"linux/amd64": amd, "linux/arm64": arm}))
	got := must[Resolved](t)(Resolve(t.Context(), hostsFor(t), s.Host+"/app:1"))
	sum, _ := weighed(t, amd)
	if diff := cmp.Diff(map[string]int64{"linux/amd64": sum}, got.Platforms); diff != "" {
		t.Error(diff)
	}
}

// A registry that is busy, or whose connection breaks, is asked again.
func TestTroubleThatPassesIsNoError(t *testing.T) {
	hang := func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
	for name, trouble := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"429": status(http.StatusTooManyRequests), "503": status(http.StatusServiceUnavailable), "502": status(http.StatusBadGateway), "hangs up": hang,
	} {
		for _, method := range []string{http.MethodHead, http.MethodGet} {
			t.Run(name+"/"+method, func(t *testing.T) {
				t.Parallel()
				var n atomic.Int64
				times := map[string]int64{"429": 6, "503": 3, "502": 2, "hangs up": 6}[name]
				s := registrytest.New(t, false, func(w http.ResponseWriter, r *http.Request) bool {
					// containerd's resolver asks 5 times itself, where it asks again at all.
					return r.Method == method && n.Add(1) <= times && trouble(w, r)
				})
				img := imageFor(t, "amd64")
				s.Push(t, "app:1", img)
				if got := must[Resolved](t)(Resolve(t.Context(), hostsFor(t), s.Host+"/app:1")); got.Digest != registrytest.Digest(t, img) {
					t.Errorf("resolved to %s", got.Digest)
				}
			})
		}
	}
}

// What goes wrong for good is an error soon, which says what it is and what to do.
func TestTroubleThatStays(t *testing.T) {
	img := imageFor(t, "amd64")
	manifest := must[[]byte](t)(img.RawManifest())
	get := func(f func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool { return r.Method == http.MethodGet && f(w, r) }
	}
	bent := func(change func([]byte) []byte) func(http.ResponseWriter, *http.Request) bool {
		return get(func(w http.ResponseWriter, r *http.Request) bool {
			_, _ = w.Write(change(bytes.Clone(manifest)))
			return true
		})
	}
	for _, tt := range []struct {
		name  string
		front func(http.ResponseWriter, *http.Request) bool
		ref   string
		words []string
	}{
		{"no such tag", nil, "app:none", []string{"app:none: not found", "no such name, tag or digest", "Check the reference"}},
		{"no such name", nil, "none:1", []string{"none:1: not found", "Check the reference"}},
		{"no such digest", nil, "app@sha256:" + strings.Repeat("0", 64), []string{"not found", "Check the reference"}},
		{"500", status(http.StatusInternalServerError), "app:1", []string{`it answers "500 Internal Server Error", after 4 tries`, "try again later"}},
		{"503 for manifests", get(status(http.StatusServiceUnavailable)), "app:1", []string{`it answers "503 Service Unavailable", after 4 tries`}},
		{"429", status(http.StatusTooManyRequests), "app:1", []string{"too many requests", "docker login"}},
		{"403", status(http.StatusForbidden), "app:1", []string{"app: forbidden", "run `docker login"}},
		{"401 without a word of how", status(http.StatusUnauthorized), "app:1", []string{"it wants a login for app", "run `docker login"}},
		{"418", status(http.StatusTeapot), "app:1", []string{`it answers "418 I'm a teapot" to HEAD /v2/app/manifests/1`}},
		{"other bytes", bent(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), "app:1", []string{"lies about a digest", registrytest.Digest(t, img), "Try again"}},
		{"too few bytes", bent(func(b []byte) []byte { return b[:len(b)/2] }), "app:1", []string{"it stopped half-way, 4 times", "Try again"}},
		{"too many bytes", bent(func(b []byte) []byte { return append(b, "more"...) }), "app:1", []string{"read past expected size"}},
		{"a huge manifest", func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Length", fmt.Sprint(1<<30))
			w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
			return true
		}, "app:1", []string{"too large", "Check the reference"}},
		{"a type that is no image", func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, "<html>")
			return true
		}, "app:1", []string{`of type "text/html", which is no image`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := registrytest.New(t, false, tt.front)
			s.Push(t, "app:1", img)
			_, err := Resolve(t.Context(), hostsFor(t), s.Host+"/"+tt.ref)
			wantError(t, err, append([]string{s.Host}, tt.words...)...)
			if n := s.Asked.Load(); n > Tries*6 {
				t.Errorf("it was asked %d times", n)
			}
		})
	}
}

// What registries redirect to is signed in the query, which is as good as a password.
func TestNoErrorShowsASignature(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"nonsense": func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "what?\n\n")
			_ = c.Close()
		},
		"a strange status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
		"a way in circles": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) },
	} {
		t.Run(name, func(t *testing.T) {
			store := httptest.NewServer(answer)
			defer store.Close()
			s := registrytest.New(t, false, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodGet {
					http.Redirect(w, r, store.URL+"/blob?X-Signature="+secret, http.StatusTemporaryRedirect)
				}
				return r.Method == http.MethodGet
			})
			s.Push(t, "app:1", imageFor(t, "amd64"))
			_, err := Resolve(t.Context(), hostsFor(t), s.Host+"/app:1")
			wantError(t, err, s.Host)
		})
	}
}

func TestNothingListens(t *testing.T) {
	host := closedPort(t)
	_, err := Resolve(t.Context(), hostsFor(t), host+"/app:1")
	wantError(t, err, host, "connection refused", "Check that it runs")
}

// An interrupt is passed as it is, at once: no registry is to blame.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := registrytest.New(t, false, func(_ http.ResponseWriter, r *http.Request) bool { cancel(); <-r.Context().Done(); return true })
	if _, err := Resolve(ctx, hostsFor(t), s.Host+"/app:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("Resolve gives %v", err)
	}
}

func TestNoPlatform(t *testing.T) {
	err := NoPlatform("app:1", "linux/riscv64", map[string]int64{"linux/arm64": 1, "linux/amd64": 1})
	if want := "app:1: it has no linux/riscv64: it has linux/amd64, linux/arm64. Ask for one of those, or for another image"; err.Error() != want {
		t.Errorf("%s; want %s", err, want)
	}
	wantError(t, NoPlatform("app:1", "linux/arm64", nil), "app:1: it has no linux/arm64", "no image to run")
}
