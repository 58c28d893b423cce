package harness

import (
	"bytes"
	"context"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fairlead-dev/fairlead/executor/registry/registrytest"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// Registry is a registry that can be told to misbehave.
type Registry struct {
	*registrytest.Registry
	Auth  bool         // wants the user "user" with the password "password"
	Fault atomic.Value // string, one of the faults

	halved atomic.Int64 // requests for blobs while the fault is CutOnce
}

// What a registry can be told to do wrong.
const (
	NoFault     = ""
	Lie         = "lie"  // blobs with other bytes than their digest says
	Cut         = "cut"  // blobs end half-way, always
	CutOnce     = "flap" // every second request for a blob ends half-way
	Unavailable = "503"
	Refuse      = "refuse" // takes blobs, and no manifest
)

// NewRegistry starts an empty registry that goes on until Stop; with TLS its certificate is its own.
func NewRegistry(auth, secure bool) *Registry {
	r := &Registry{Auth: auth}
	r.Fault.Store(NoFault)
	r.Registry = registrytest.Start(secure, r.misbehave)
	r.Inner = ranged(r.Inner)
	return r
}

// misbehave answers a request in the registry's place, or gives false.
func (r *Registry) misbehave(w http.ResponseWriter, req *http.Request) bool {
	if user, password, ok := req.BasicAuth(); r.Auth && (!ok || user != "user" || password != "password") {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
		return true
	}
	fault, _ := r.Fault.Load().(string)
	blob := req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/blobs/")
	switch {
	case fault == Refuse && req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/manifests/"):
		http.Error(w, `{"errors":[{"code":"DENIED","message":"the quota is used up"}]}`, http.StatusForbidden)
	case fault == Unavailable:
		http.Error(w, "busy", http.StatusServiceUnavailable)
	case fault == Lie && blob:
		spoil(r.Inner, w, req)
	case fault == Cut && blob, fault == CutOnce && blob && r.halved.Add(1)%2 == 1:
		halve(r.Inner, w, req)
	default:
		return false
	}
	return true
}

// ranged adds what every real registry can: a blob from an offset to its end.
func ranged(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodGet || req.Header.Get("Range") == "" {
			inner.ServeHTTP(w, req)
			return
		}
		whole, rec := req.Clone(req.Context()), httptest.NewRecorder()
		whole.Header.Del("Range")
		inner.ServeHTTP(rec, whole)
		if rec.Code != http.StatusOK {
			copyHeader(w, rec)
			_, _ = w.Write(rec.Body.Bytes())
			return
		}
		http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(rec.Body.Bytes()))
	})
}

// spoil answers with the right length and a wrong byte.
func spoil(inner http.Handler, w http.ResponseWriter, req *http.Request) {
	rec := httptest.NewRecorder()
	inner.ServeHTTP(rec, req)
	body := rec.Body.Bytes()
	if len(body) > 0 {
		body[len(body)/2] ^= 0xff
	}
	copyHeader(w, rec)
	_, _ = w.Write(body)
}

// halve promises the whole body, sends half, and hangs up.
func halve(inner http.Handler, w http.ResponseWriter, req *http.Request) {
	rec := httptest.NewRecorder()
	inner.ServeHTTP(rec, req)
	copyHeader(w, rec)
	_, _ = w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
	panic(http.ErrAbortHandler)
}

func copyHeader(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(rec.Code)
}

// CA writes the certificate as a PEM file.
func (r *Registry) CA(path string) error {
	block := &pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw}
	return os.WriteFile(path, pem.EncodeToMemory(block), 0o644)
}

// Push puts the image into the registry as repo:tag, whatever fault it is told to have; several are an index.
func (r *Registry) Push(ctx context.Context, repoTag string, imgs ...v1.Image) error {
	if len(imgs) == 1 {
		return r.PushContext(ctx, repoTag, imgs[0])
	}
	var adds []mutate.IndexAddendum
	for _, img := range imgs {
		cfg, err := img.ConfigFile()
		if err != nil {
			return err
		}
		adds = append(adds, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: cfg.Platform()}})
	}
	return r.PushContext(ctx, repoTag, mutate.AppendManifests(empty.Index, adds...))
}
