package rootfs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"github.com/fairlead-dev/fairlead/spec"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/core/remotes"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/planner"
)

// answerTimeout bounds the time until a server begins to answer.
const answerTimeout = 30 * time.Second

// maxRedirects is how often a server may send on, as in net/http.
const maxRedirects = 10

var errRedirects = errors.New("too many redirects")

// download is a root filesystem in a tar file that a URL names.
type download struct {
	url    string
	shown  string
	client *http.Client
}

func isURL(path string) bool {
	return strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://")
}

func newDownload(path string, client *http.Client) (*download, error) {
	if _, err := url.Parse(path); err != nil {
		if parse, ok := errors.AsType[*url.Error](err); ok {
			err = parse.Err
		}
		return nil, fmt.Errorf("%s: it is no URL: %w. Correct it", spec.Shown(path), err)
	}
	c := http.Client{}
	if client != nil {
		c = *client
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t = t.Clone()
		t.ResponseHeaderTimeout = answerTimeout
		c.Transport = t
	}
	c.CheckRedirect = func(_ *http.Request, via []*http.Request) error {
		if len(via) >= maxRedirects {
			return errRedirects
		}
		return nil
	}
	return &download{path, spec.Shown(path), &c}, nil
}

// inputs asks for the headers, by HEAD, and where the server refuses that, by a GET that doesn't read on.
func (d *download) inputs(ctx context.Context) (planner.Inputs, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	resp, err := d.request(ctx, http.MethodHead, "")
	if err != nil {
		resp, err = d.request(ctx, http.MethodGet, "bytes=0-0")
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	what := ""
	switch tag, at := resp.Header.Get("ETag"), resp.Header.Get("Last-Modified"); {
	case tag != "":
		what = "ETag " + tag
	case at != "":
		what = fmt.Sprintf("Last-Modified %s, %d bytes", at, sizeOf(resp))
	default:
		return nil, fmt.Errorf("%s: the server says neither ETag nor Last-Modified, so nobody could tell when to import it again. Download it, and import the file", d.shown)
	}
	return planner.Inputs{{Kind: planner.InputContext, Name: d.shown, Value: what}}, nil
}

// sizeOf is the length of the whole, also where only a part of it was asked for; -1 if the server doesn't say.
func sizeOf(resp *http.Response) int64 {
	if _, whole, ok := strings.Cut(resp.Header.Get("Content-Range"), "/"); ok {
		var n int64
		if _, err := fmt.Sscanf(whole, "%d", &n); err == nil {
			return n
		}
		return -1
	}
	return resp.ContentLength
}

func (d *download) layer(ctx context.Context, w *sink, moved func(done, total int64)) (packed, error) {
	total := int64(0)
	get := remotes.FetcherFunc(func(ctx context.Context, _ ocispec.Descriptor) (io.ReadCloser, error) {
		resp, err := d.request(ctx, http.MethodGet, "")
		if err != nil {
			return nil, err
		}
		total = max(0, resp.ContentLength)
		return resp.Body, nil
	})
	body, err := registry.Fetch(ctx, get, ocispec.Descriptor{}, nil)
	if err != nil {
		return packed{}, err
	}
	defer body.Close()
	p, err := packTar(ctx, d.shown, body, w, func(done int64) { moved(done, total) })
	if body.Err != nil && ctx.Err() == nil {
		return packed{}, fmt.Errorf("%s: the download broke off: %w. Try again", d.shown, body.Err)
	}
	return p, err
}

// request sends a request. An answer that is no success is an error that says what to do.
func (d *download) request(ctx context.Context, method, span string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, d.url, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.shown, err)
	}
	req.Header.Set("Accept-Encoding", "identity") // what is stored is what the server has, not a form for the way
	if span != "" {
		req.Header.Set("Range", span)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return nil, d.explain(err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	resp.Body.Close()
	return nil, fmt.Errorf("%s: the server answers %s. %s", d.shown, resp.Status, remedyFor(resp.StatusCode))
}

func remedyFor(status int) string {
	switch {
	case status == http.StatusNotFound, status == http.StatusGone:
		return "Nothing is there: correct the URL"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return "It isn't for everyone: download it, and import the file"
	case status >= 500, status == http.StatusTooManyRequests:
		return "Try again later"
	}
	return "Download it, and import the file"
}

// explain says why there was no answer.
func (d *download) explain(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if inner, ok := errors.AsType[*url.Error](err); ok {
		err = inner.Err // without the URL, which is there already
	}
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var timeout net.Error
	say := func(what string) error { return fmt.Errorf("%s: %s", d.shown, what) }
	switch {
	case errors.Is(err, errRedirects):
		return say(fmt.Sprintf("it leads from one address to the next, more than %d times. Correct the URL", maxRedirects))
	case errors.Is(err, syscall.ECONNREFUSED):
		return say("connection refused: nothing listens there. Check that the server runs, and the URL")
	case errors.As(err, &dns) && dns.IsNotFound:
		return say("no such host: " + dns.Name + " is not known. Check the URL, and this machine's DNS")
	case errors.As(err, &certificate):
		return say("the server's certificate is not to be trusted: " + certificate.Err.Error() + ". Correct the URL, or make this machine trust its authority")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return say("no answer in time. Check the server, and this machine's network")
	}
	return fmt.Errorf("%s: it cannot be reached: %w. Check the URL, and this machine's network", d.shown, err)
}
