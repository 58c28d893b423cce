// Package registrytest has registries for tests, on the loopback interface, and images to put into them.
package registrytest

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Front sees each request first; true: it has answered.
type Front func(http.ResponseWriter, *http.Request) bool

// Registry counts what it is asked, and misbehaves when told.
type Registry struct {
	*httptest.Server
	Host  string
	Inner http.Handler // what stands behind the front
	Asked atomic.Int64 // requests
	Blobs atomic.Int64 // of them, GETs of blobs

	front atomic.Pointer[Front]
}

// New starts an empty registry that ends with the test; front may be nil.
func New(t *testing.T, secure bool, front Front) *Registry {
	t.Helper()
	s := Start(secure, front)
	t.Cleanup(s.Stop)
	return s
}

// Start starts an empty registry that goes on until Stop; with TLS its certificate is its own.
func Start(secure bool, front Front) *Registry {
	quiet := log.New(io.Discard, "", 0)
	s := &Registry{Inner: registry.New(registry.Logger(quiet))}
	s.Misbehave(front)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.Config.ErrorLog = quiet
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	_, s.Host, _ = strings.Cut(s.URL, "://")
	return s
}

// Stop ends the registry.
func (s *Registry) Stop() {
	s.CloseClientConnections()
	s.Close()
}

func (s *Registry) serve(w http.ResponseWriter, r *http.Request) {
	s.Asked.Add(1)
	if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
		s.Blobs.Add(1)
	}
	if front := *s.front.Load(); front == nil || !front(w, r) {
		s.Inner.ServeHTTP(w, r)
	}
}

// Misbehave puts another front before the registry; nil takes it away.
func (s *Registry) Misbehave(front Front) { s.front.Store(&front) }

// Content is an image or an index.
type Content interface{ Digest() (v1.Hash, error) }

// Push puts content into the registry, and gives its digest.
func (s *Registry) Push(t *testing.T, repoTag string, what Content) string {
	t.Helper()
	if err := s.PushContext(t.Context(), repoTag, what); err != nil {
		t.Fatal(err)
	}
	return Digest(t, what)
}

// PushContext puts content into the registry, by a door behind the front.
func (s *Registry) PushContext(ctx context.Context, repoTag string, what Content) error {
	door := httptest.NewServer(s.Inner)
	defer door.Close()
	ref, err := name.ParseReference(strings.TrimPrefix(door.URL, "http://")+"/"+repoTag, name.Insecure)
	if err != nil {
		return err
	}
	if index, ok := what.(v1.ImageIndex); ok {
		return remote.WriteIndex(ref, index, remote.WithContext(ctx))
	}
	return remote.Write(ref, what.(v1.Image), remote.WithContext(ctx))
}
