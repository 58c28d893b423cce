package registry

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/remotes/docker"
)

// Setting is how to reach one registry, for another program that does.
type Setting struct {
	Host     string
	Mirrors  []string // HOST or HOST/PATH, to ask first
	Plain    bool     // it speaks HTTP
	Insecure bool     // its certificate isn't checked
	CA       []string // paths of PEM files of authorities to trust beside the system's
}

// Settings gives the registries that the blocks and certs.d say something of, sorted by host, and their mirrors. Of certs.d it has what is
// in hosts.toml but for headers and certificates, and the *.crt files.
func (h *Hosts) Settings() ([]Setting, error) {
	found := map[string]*Setting{}
	at := func(host string) *Setting {
		if found[host] == nil {
			found[host] = &Setting{Host: host}
		}
		return found[host]
	}
	dirs, err := os.ReadDir(h.CertsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	hosts := slices.Collect(maps.Keys(h.blocks))
	for _, d := range dirs {
		if !strings.HasPrefix(d.Name(), "_") { // _default is of hosts that nobody names
			hosts = append(hosts, d.Name())
		}
	}
	for _, host := range hosts {
		s := at(host)
		s.CA, _ = filepath.Glob(filepath.Join(h.CertsDir, host, "*.crt")) // the pattern is right
		ends, err := h.endpoints(host)
		if err != nil {
			return nil, &explained{text: fmt.Sprintf("registry %s: its settings in %s cannot be used: %s. Correct them", host, h.CertsDir, err), err: err}
		}
		for _, e := range ends {
			if canonical(e.Host) == host {
				s.add(e)
				continue
			}
			s.Mirrors = append(s.Mirrors, strings.TrimSuffix(e.Host+strings.TrimSuffix(e.Path, "/v2"), "/"))
			at(e.Host).add(e)
		}
	}
	for host, b := range h.blocks {
		s := at(host)
		s.Insecure = s.Insecure || b.Insecure
		if b.CA != "" {
			s.CA = []string{b.CA}
		}
	}
	out := make([]Setting, 0, len(found))
	for _, s := range found {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Setting) int { return cmp.Compare(a.Host, b.Host) })
	return out, nil
}

// add notes what an endpoint's client has been set to.
func (s *Setting) add(e docker.RegistryHost) {
	s.Plain = s.Plain || e.Scheme == "http"
	t := e.Client.Transport
	if p, ok := t.(boundTransport); ok {
		t = p.RoundTripper
	}
	if t, ok := t.(*http.Transport); ok && t.TLSClientConfig != nil {
		s.Insecure = s.Insecure || t.TLSClientConfig.InsecureSkipVerify
	}
}
