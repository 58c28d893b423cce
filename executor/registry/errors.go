package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
)

var errStalled = errors.New("nothing came for a minute")

// ErrDigestMismatch is wrapped by the error for content that isn't what its digest says.
var ErrDigestMismatch = errors.New("content differs from its digest")

// Explain says what went wrong between here and the registry that ref names, and what to do; what it doesn't know of passes
// through.
func (h *Hosts) Explain(ref string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if _, ok := errors.AsType[*explained](err); ok {
		return err
	}
	host, repo := split(ref)
	say := func(format string, args ...any) error {
		return &explained{text: fmt.Sprintf(format, args...), err: err}
	}
	at, who := host, host // who is the one whose settings count: a token server has none of its own, a mirror has
	if asked := hostOf(err); asked != "" && canonical(asked) != host {
		at = fmt.Sprintf("%s (for %s)", asked, host)
		if h.isEndpoint(host, asked) {
			who = asked
		}
	}
	var status remoteerrors.ErrUnexpectedStatus
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, ErrDigestMismatch):
		return say("registry %s: it lies about a digest: %s. Nothing of it was kept. Try again; if it stays so, the registry or a proxy before it is broken", at, err)
	case isCertificate(err):
		also := fmt.Sprintf("%s/%s/ca.crt", h.CertsDir, host)
		if who != host {
			also = fmt.Sprintf("in %s/%s/hosts.toml", h.CertsDir, host)
		}
		return say("registry %s: its certificate is not to be trusted: %s. If it is right, name its authority: ca = \"FILE\" in a registry %q block, or %s",
			at, innermost(err), who, also)
	case isPlain(err):
		setting := fmt.Sprintf("server = \"http://%s\"", host)
		if who != host {
			setting = fmt.Sprintf("\"http://%s\" in place of \"https://%s\"", who, who)
		}
		return say("registry %s: it speaks plain HTTP where HTTPS is asked for. Say so in %s/%s/hosts.toml: %s", at, h.CertsDir, host, setting)
	case errors.As(err, &status):
		return h.explainStatus(at, who, repo, ref, status, say)
	case errors.Is(err, docker.ErrInvalidAuthorization):
		return say("%s", h.wantsLogin(at, who, repo))
	case errors.Is(err, syscall.ECONNREFUSED):
		return say("registry %s: connection refused: nothing listens there. Check that it runs, and host and port in %q", at, ref)
	case errors.As(err, &dns) && dns.IsNotFound:
		return say("registry %s: no such host: %s is not known. Check the name in %q, and this machine's DNS", at, dns.Name, ref)
	case errors.As(err, &dns):
		return say("registry %s: its address cannot be looked up: %s. Check this machine's network and DNS", at, innermost(err))
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return say("registry %s: it cannot be reached: %s. Check this machine's network", at, innermost(err))
	case errors.Is(err, errStalled), brokenOff(err):
		return say("registry %s: it stopped half-way, %d times: %s. Try again: what came stays and is not fetched twice", at, Tries, innermost(err))
	case errors.Is(err, errSilent), errors.As(err, &timeout) && timeout.Timeout():
		return say("registry %s: no answer in time. Check that it runs, and this machine's network", at)
	case strings.Contains(err.Error(), "rejecting "): // containerd's resolver says so of a manifest, and calls it not found
		return say("%s: registry %s sends a manifest that is too large to be one. Check the reference", ref, at)
	case errdefs.IsNotFound(err):
		return say("%s: not found: registry %s has no such name, tag or digest. Check the reference; a private one is also \"not found\" without a login", ref, at)
	}
	return say("registry %s: %s", at, withoutQueries(err))
}

// withoutQueries is the message of an error without the queries of its addresses: what a registry redirects to is signed there.
func withoutQueries(err error) string {
	text := err.Error()
	for e := err; ; {
		var request *url.Error
		if !errors.As(e, &request) {
			return text
		}
		if bare, query, ok := strings.Cut(request.URL, "?"); ok && query != "" {
			text = strings.ReplaceAll(text, request.URL, bare)
		}
		e = request.Err
	}
}

func (h *Hosts) explainStatus(at, host, repo, ref string, status remoteerrors.ErrUnexpectedStatus, say func(string, ...any) error) error {
	switch code := status.StatusCode; {
	case code == http.StatusUnauthorized:
		return say("%s", h.wantsLogin(at, host, repo))
	case code == http.StatusForbidden:
		return say("registry %s: %s: forbidden: %s", at, repo, h.loginAdvice(host))
	case code == http.StatusNotFound:
		return say("%s: not found: registry %s has no such name, tag or digest. Check the reference", ref, at)
	case code == http.StatusTooManyRequests:
		return say("registry %s: it has had too many requests from here. Wait, or log in, which raises its limit: docker login %s", at, host)
	case code >= 500:
		return say("registry %s: it answers %q, after %d tries. The trouble is on its side: try again later", at, status.Status, Tries)
	default:
		return say("registry %s: it answers %q to %s %s", at, status.Status, status.RequestMethod, pathOfURL(status.RequestURL))
	}
}

func (h *Hosts) wantsLogin(at, host, repo string) string {
	if h.hasLogin(host) {
		return fmt.Sprintf("registry %s: it turns down the login for %s: %s", at, repo, h.loginAdvice(host))
	}
	return fmt.Sprintf("registry %s: it wants a login for %s: %s", at, repo, h.loginAdvice(host))
}

func (h *Hosts) loginAdvice(host string) string {
	if b := h.blocks[host]; b != nil && b.Username != "" {
		return fmt.Sprintf("check username and password in the registry %q block, and that %s may use this repository", host, b.Username)
	}
	return fmt.Sprintf("run `docker login %s` as the user who runs fairlead, or write a registry %q block with username and password", host, host)
}

// NoPlatform is the error for an image without a platform that is asked of it.
func NoPlatform(ref, want string, has map[string]int64) error {
	if len(has) == 0 {
		return fmt.Errorf("%s: it has no %s, nor any other platform: it is no image to run", ref, want)
	}
	return fmt.Errorf("%s: it has no %s: it has %s. Ask for one of those, or for another image", ref, want, strings.Join(slices.Sorted(maps.Keys(has)), ", "))
}

// explained is an error in words for people, over the one that it explains.
type explained struct {
	text string
	err  error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.err }

// Culprit tells that the text names what failed, and that this isn't containerd, whatever the error below looks like.
func (e *explained) Culprit() string { return "registry" }

func split(ref string) (host, repo string) {
	named, err := reference.ParseDockerRef(ref)
	if err != nil {
		host, repo, _ = strings.Cut(ref, "/")
		return host, repo
	}
	return reference.Domain(named), reference.Path(named)
}

// hostOf is the host that the failed request went to, which a mirror or a token server makes another than the reference's.
func hostOf(err error) string {
	var status remoteerrors.ErrUnexpectedStatus
	raw := ""
	var request *url.Error
	switch {
	case errors.As(err, &status):
		raw = status.RequestURL
	case errors.As(err, &request):
		raw = request.URL
	}
	if u, err := url.Parse(raw); err == nil {
		return u.Host
	}
	return ""
}

// pathOfURL is what was asked for, without the query, which may hold a secret.
func pathOfURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Path
}

func isCertificate(err error) bool {
	var unknown x509.UnknownAuthorityError
	var wrong x509.HostnameError
	var invalid x509.CertificateInvalidError
	var check *tls.CertificateVerificationError
	return errors.As(err, &unknown) || errors.As(err, &wrong) || errors.As(err, &invalid) || errors.As(err, &check)
}

func isPlain(err error) bool {
	var record tls.RecordHeaderError
	return errors.As(err, &record) || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// innermost is the innermost message.
func innermost(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}
