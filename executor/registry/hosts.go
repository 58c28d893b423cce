package registry

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/remotes/docker/config"
	dockerconfig "github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"

	"github.com/fairlead-dev/fairlead/spec"
)

// CertsDirEnv names the environment variable that moves the directory of hosts.toml files.
const CertsDirEnv = "FAIRLEAD_CERTS_DIR"

const defaultCertsDir = "/etc/containerd/certs.d"

// dockerHub is the registry that has more than one name.
const dockerHub = "docker.io"

// Hosts knows how to reach each registry: from registry blocks first, then from certs.d's hosts.toml and docker's config.json
// with its credential helpers.
type Hosts struct {
	CertsDir string // hosts.toml of HOST is CertsDir/HOST/hosts.toml

	blocks map[string]*spec.Registry
	login  func() (*configfile.ConfigFile, error) // read once, when first needed
}

// NewHosts gives the hosts as this machine and the registry blocks set them.
func NewHosts(blocks []*spec.Registry) *Hosts {
	h := &Hosts{CertsDir: cmp.Or(os.Getenv(CertsDirEnv), defaultCertsDir), blocks: make(map[string]*spec.Registry, len(blocks))}
	for _, b := range blocks {
		h.blocks[canonical(b.Host)] = b
	}
	h.login = sync.OnceValues(func() (*configfile.ConfigFile, error) { return dockerconfig.Load(os.Getenv("DOCKER_CONFIG")) })
	return h
}

// Resolver gives a new resolver, which remembers tokens and uploads for as long as it is used.
func (h *Hosts) Resolver() remotes.Resolver {
	return docker.NewResolver(docker.ResolverOptions{
		Hosts:   h.registryHosts(),
		Headers: http.Header{"User-Agent": []string{"fairlead"}},
	})
}

// canonical gives the one name of a registry that has several.
func canonical(host string) string {
	switch host {
	case "registry-1.docker.io", "index.docker.io":
		return dockerHub
	}
	return host
}

// registryHosts gives, for the host in a reference, the endpoints to ask in order: mirrors, then the registry itself. They are
// looked up once, so that a token fetched for one request serves the next.
func (h *Hosts) registryHosts() docker.RegistryHosts {
	var mu sync.Mutex
	known := map[string][]docker.RegistryHost{}
	return func(host string) ([]docker.RegistryHost, error) {
		mu.Lock()
		defer mu.Unlock()
		if hosts, ok := known[host]; ok {
			return hosts, nil
		}
		hosts, err := h.endpoints(host)
		if err != nil {
			return nil, &explained{text: fmt.Sprintf("registry %s: its settings in %s cannot be used: %s. Correct them", host, h.CertsDir, err), err: err}
		}
		for i := range hosts {
			if block := h.blocks[canonical(hosts[i].Host)]; block != nil && (block.CA != "" || block.Insecure) {
				if err := h.replaceTLS(&hosts[i], block); err != nil {
					return nil, err
				}
			}
			setTimeouts(hosts[i].Client)
		}
		known[host] = hosts
		return hosts, nil
	}
}

// endpoints gives a host's endpoints as certs.d has them. A registry on the loopback interface is checked too, unlike containerd's
// way, unless certs.d says otherwise; that it may speak plain HTTP stays.
func (h *Hosts) endpoints(host string) ([]docker.RegistryHost, error) {
	find := config.HostDirFromRoot(h.CertsDir)
	options := config.HostOptions{HostDir: find, Credentials: h.Login}
	if dir, err := find(host); docker.IsLocalhost(host) && (err != nil || !setsSkipVerify(dir)) {
		options.UpdateClient = func(c *http.Client) error {
			if t, ok := c.Transport.(*http.Transport); ok {
				t.TLSClientConfig.InsecureSkipVerify = false
			}
			return nil
		}
	}
	return config.ConfigureHosts(context.Background(), options)(host)
}

func setsSkipVerify(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "hosts.toml"))
	return err == nil && bytes.Contains(b, []byte("skip_verify"))
}

// isEndpoint tells whether host's requests go to asked by its settings: a mirror, or where the registry itself is.
func (h *Hosts) isEndpoint(host, asked string) bool {
	hosts, err := h.endpoints(host)
	return err == nil && slices.ContainsFunc(hosts, func(e docker.RegistryHost) bool { return e.Host == asked })
}

// readCertificates reads a file of certificates, of which 1 MiB is plenty.
func readCertificates(path string) ([]byte, error) {
	f, err := spec.OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

// replaceTLS sets what a registry block says of certificates.
func (h *Hosts) replaceTLS(host *docker.RegistryHost, block *spec.Registry) error {
	settings := &tls.Config{InsecureSkipVerify: block.Insecure} //nolint:gosec // the block asks for it
	if block.CA != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		pem, err := readCertificates(block.CA)
		if err != nil {
			return &explained{text: fmt.Sprintf("registry %s: its ca cannot be read: %s. Correct the path in its block", block.Host, err), err: err}
		}
		if !pool.AppendCertsFromPEM(pem) {
			return &explained{text: fmt.Sprintf("registry %s: its ca, %s, has no certificate in it: it must be a PEM file", block.Host, block.CA)}
		}
		settings.RootCAs = pool
	}
	var transport http.RoundTripper = docker.DefaultHTTPTransport(settings)
	if _, port, _ := net.SplitHostPort(host.Host); docker.IsLocalhost(host.Host) && port != "" && port != "443" && host.Scheme == "https" {
		transport = docker.NewHTTPFallback(transport)
	}
	host.Client = &http.Client{Transport: transport}
	host.Authorizer = docker.NewDockerAuthorizer(
		docker.WithAuthClient(host.Client), docker.WithAuthCreds(h.Login), docker.WithAuthHeader(host.Header))
	return nil
}

// Login gives user and secret for a host; a secret without a user is a token.
func (h *Hosts) Login(host string) (string, string, error) {
	name := canonical(host)
	if b := h.blocks[name]; b != nil && (b.Username != "" || b.Password != "") {
		return b.Username, b.Password, nil
	}
	logins, err := h.login()
	if err != nil {
		return "", "", &explained{text: fmt.Sprintf("docker's login file cannot be read: %s. Correct it, or log in again: docker login %s", err, host), err: err}
	}
	if name == dockerHub {
		name = "https://index.docker.io/v1/"
	}
	auth, err := logins.GetAuthConfig(name)
	if err != nil {
		return "", "", &explained{text: fmt.Sprintf("registry %s: the credential helper that docker's config.json names does not answer: %s. Correct it, or write a registry %q block with username and password",
			host, err, canonical(host)), err: err}
	}
	if auth.IdentityToken != "" {
		return "", auth.IdentityToken, nil
	}
	return auth.Username, auth.Password, nil
}

// hasLogin tells whether credentials are known for the host, for the words of an error.
func (h *Hosts) hasLogin(host string) bool {
	user, secret, err := h.Login(host)
	return err == nil && (user != "" || secret != "")
}
