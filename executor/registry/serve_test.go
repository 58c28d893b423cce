package registry

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/cli/cli/config/configfile"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/fairlead-dev/fairlead/executor/registry/registrytest"
	"github.com/fairlead-dev/fairlead/spec"
)

const (
	user   = "ci"
	secret = "correct-horse-7"
	wrong  = "battery-staple-8"
)

// must gives a value or ends the test.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// wantError checks for the words that matter, and that no password is among them.
func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error is %q; want %q in it", err, w)
		}
	}
	if strings.Count(err.Error(), "registry "+words[0]) > 1 {
		t.Errorf("error %q names its object twice", err)
	}
	for _, s := range []string{secret, wrong} {
		for _, form := range []string{s, base64.StdEncoding.EncodeToString([]byte(user + ":" + s))} {
			if strings.Contains(err.Error(), form) {
				t.Errorf("error %q shows a password", err)
			}
		}
	}
}

// imageFor makes a small image.
func imageFor(t *testing.T, arch string) v1.Image {
	t.Helper()
	return registrytest.Image(t, arch, 2000, 2)
}

// hostsFor gives the hosts without anything of this machine's: no login, an empty certs.d.
func hostsFor(t *testing.T, blocks ...*spec.Registry) *Hosts {
	t.Helper()
	h := NewHosts(blocks)
	h.CertsDir = t.TempDir()
	h.login = func() (*configfile.ConfigFile, error) { return configfile.New(""), nil }
	return h
}

// certs writes certs.d's files for a host.
func (h *Hosts) certs(t *testing.T, host string, files map[string]string) *Hosts {
	t.Helper()
	dir := filepath.Join(h.CertsDir, host)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func pemOf(s *registrytest.Registry) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

// strangerPEM is an authority that signed nothing.
func strangerPEM(t *testing.T) string {
	t.Helper()
	key := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der := must[[]byte](t)(x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key))
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func tempFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// closedPort is an address where nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(nil)
	s.Close()
	return strings.TrimPrefix(s.URL, "http://")
}

func status(code int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(code); return true }
}

// basic wants a login with user and secret.
func basic(w http.ResponseWriter, r *http.Request) bool {
	if u, p, ok := r.BasicAuth(); ok && u == user && p == secret {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

// bearer wants a token, which the registry's own /token gives for the login, by either way that clients ask.
func bearer(s **registrytest.Registry) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			u, p, _ := r.BasicAuth()
			if r.Method == http.MethodPost {
				u, p = r.PostFormValue("username"), r.PostFormValue("password")
				if r.PostFormValue("grant_type") == "refresh_token" {
					u, p = user, r.PostFormValue("refresh_token")
				}
			}
			if u != user || p != secret {
				w.WriteHeader(http.StatusUnauthorized)
				return true
			}
			fmt.Fprint(w, `{"access_token":"abc","token":"abc"}`)
			return true
		}
		if r.Header.Get("Authorization") == "Bearer abc" {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="test",scope="repository:app:pull"`, (*s).URL))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
}
