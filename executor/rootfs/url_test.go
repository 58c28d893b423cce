package rootfs

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// serve serves body as /rootfs.tar.gz, after head set its headers and unless it answers itself.
func serve(t *testing.T, body []byte, head func(w http.ResponseWriter, r *http.Request) (done bool)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !head(w, r) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/rootfs.tar.gz"
}

func tagged(w http.ResponseWriter, _ *http.Request) bool {
	w.Header().Set("ETag", `"v1"`)
	return false
}

// A URL's image is that of the file it names, also behind a redirect and with the client's own compression on the way.
func TestURLIsImported(t *testing.T) {
	file := through(t, tarOf(t, small...), "gzip")
	want := importAll(t, rootfs(write(t, file))).target.Digest
	for name, head := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"plainly": tagged,
		"redirected": func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/there") {
				http.Redirect(w, r, "/there", http.StatusFound)
				return true
			}
			return false
		},
		"of a length nobody says": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write(file[:10])
			w.(http.Flusher).Flush()
			_, _ = w.Write(file[10:])
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, _ := newStore(t)
			var done, total int64
			target, err := Import(t.Context(), store, rootfs(serve(t, file, head)), host, func(d, n int64) { done, total = d, n })
			check(t, err)
			if target.Digest != want {
				t.Errorf("digest is %s; want %s", target.Digest, want)
			}
			if done != int64(len(file)) || total != done && total != 0 {
				t.Errorf("moved %d of %d; want %d", done, total, len(file))
			}
		})
	}
}

// What a URL's content is known by is what the server says of it, and no more than the headers are asked for.
func TestInputsOfAURL(t *testing.T) {
	at := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC).Format(http.TimeFormat)
	for _, tt := range []struct {
		name, want string
		head       func(w http.ResponseWriter, r *http.Request) bool
	}{
		{"ETag", `ETag "v1"`, tagged},
		{"Last-Modified", "Last-Modified " + at + ", 1000 bytes", func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Last-Modified", at)
			return false
		}},
		{"no HEAD", "Last-Modified " + at + ", 1000 bytes", func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Last-Modified", at)
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusMethodNotAllowed)
			}
			return r.Method == http.MethodHead
		}},
		{"no HEAD and no ranges", `ETag "v1"`, func(w http.ResponseWriter, r *http.Request) bool {
			_ = tagged(w, r)
			r.Header.Del("Range")
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusForbidden)
			}
			return r.Method == http.MethodHead
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := serve(t, make([]byte, 1000), tt.head)
			want := map[string]string{"context " + url: tt.want, "platform linux/amd64": "yes"}
			if diff := cmp.Diff(want, inputsOf(t, rootfs(url), host)); diff != "" {
				t.Error("inputs (-want +got):", diff)
			}
		})
	}
}

func TestBadURLs(t *testing.T) {
	closed := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	check(t, closed.Close())
	file := through(t, tarOf(t, small...), "gzip")
	answer := func(status int) string {
		return serve(t, nil, func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(status); return true })
	}
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	defer tls.Close()
	for _, tt := range []struct {
		name, url   string
		plan, apply string // "": no error
	}{
		{"nothing there", answer(404), "the server answers 404 Not Found. Nothing is there: correct the URL", "the server answers 404"},
		{"private", answer(401), "the server answers 401 Unauthorized. It isn't for everyone", "the server answers 401"},
		{"broken", answer(502), "the server answers 502 Bad Gateway. Try again later", "the server answers 502"},
		{"nobody listens", "http://" + closed.Addr().String() + "/x", "connection refused: nothing listens there", "connection refused"},
		{"no such host", "http://no-such-host.invalid/x", "no ", "no "},
		{"no URL", "http://[::1/x", "it is no URL", "it is no URL"},
		{"a certificate of nobody's", tls.URL, "the server's certificate is not to be trusted", "the server's certificate"},
		{"a loop", serve(t, nil, func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
			return true
		}), "it leads from one address to the next, more than 10 times", "it leads from one address to the next"},
		{"nothing to know it by", serve(t, file, func(http.ResponseWriter, *http.Request) bool { return false }),
			"the server says neither ETag nor Last-Modified", ""},
		{"broken off", serve(t, file, func(w http.ResponseWriter, r *http.Request) bool {
			_ = tagged(w, r)
			w.Header().Set("Content-Length", fmt.Sprint(len(file)))
			_, _ = w.Write(file[:len(file)/2])
			return true
		}), "", "the download broke off: unexpected EOF. Try again"},
		{"a page", serve(t, []byte(strings.Repeat("<html>", 200)), tagged), "", "it is no tar file"},
		{"empty", serve(t, nil, tagged), "", "it is empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			shown := strings.Replace(tt.url, "http://", "http://xxxxx@", 1)
			asked := strings.Replace(tt.url, "http://", "http://me:geheim@", 1)
			store, at := newStore(t)
			_, planned := Inputs(t.Context(), rootfs(asked), host)
			_, imported := Import(t.Context(), store, rootfs(asked), host, nil)
			for _, e := range []struct {
				what, want string
				err        error
			}{{"inputs", tt.plan, planned}, {"import", tt.apply, imported}} {
				if e.want == "" {
					check(t, e.err)
					continue
				}
				wantError(t, e.what, e.err, shown+": ", e.want)
				if e.err != nil && strings.Contains(e.err.Error(), "geheim") {
					t.Errorf("%s: the password is in it: %v", e.what, e.err)
				}
			}
			if imported != nil {
				wantNothing(t, at)
			}
		})
	}
}

// A server that sends nothing more doesn't hold a cancelled import.
func TestSilentServer(t *testing.T) {
	file := through(t, tarOf(t, small...), "gzip")
	ctx, cancel := context.WithCancel(t.Context())
	url := serve(t, file, func(w http.ResponseWriter, r *http.Request) bool {
		_, _ = w.Write(file[:20])
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
		return true
	})
	store, at := newStore(t)
	var target ocispec.Descriptor
	var err error
	if target, err = Import(ctx, store, rootfs(url), host, nil); err == nil || target.Digest != digest.Digest("") {
		t.Errorf("imported %v, error %v", target, err)
	}
	wantNothing(t, at)
}
