package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/containerd/v2/core/remotes"
	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"
	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

type slow struct{ error }

func (slow) Timeout() bool   { return true }
func (slow) Temporary() bool { return false }

func code(n int) error {
	return remoteerrors.ErrUnexpectedStatus{StatusCode: n, Status: fmt.Sprint(n), RequestURL: "https://registry.example.com/v2/?q=" + secret}
}

// What may pass by itself is tried again, and nothing else.
func TestTransient(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{code(408), true}, {code(429), true}, {code(500), true}, {code(502), true}, {code(503), true}, {code(504), true},
		{code(400), false}, {code(401), false}, {code(403), false}, {code(404), false}, {code(416), false}, {code(501), false},
		{errors.Join(code(503), errors.New("and words")), true},
		{io.EOF, true}, {io.ErrUnexpectedEOF, true}, {syscall.ECONNRESET, true}, {syscall.EPIPE, true}, {errStalled, true},
		{&url.Error{Op: "Get", URL: "x", Err: slow{errors.New("slow")}}, true},
		{syscall.ECONNREFUSED, false}, {&net.DNSError{IsNotFound: true}, false}, {x509.UnknownAuthorityError{}, false},
		{fmt.Errorf("%w: x", ErrDigestMismatch), false}, {errdefs.ErrNotFound, false}, {context.Canceled, false},
		{&url.Error{Op: "Get", URL: "x", Err: context.Canceled}, false}, {errors.New("x"), false}, {nil, false},
		{&explained{text: "a login file that ends too early", err: io.ErrUnexpectedEOF}, false},
	} {
		if got := Transient(fmt.Errorf("wrapped: %w", tt.err)); got != tt.want {
			t.Errorf("%v: %v; want %v", tt.err, got, tt.want)
		}
	}
	if !RefusesRange(fmt.Errorf("x: %w", code(416))) || RefusesRange(code(404)) || RefusesRange(nil) {
		t.Error("only 416 refuses a range")
	}
}

// Retry tries so often and waits so long; it stops at what stays, and at an interrupt.
func TestRetry(t *testing.T) {
	for _, tt := range []struct {
		name        string
		errs        []error // of the tries; the last one for ever
		interrupt   time.Duration
		tries       int
		least, most time.Duration
		want        error
	}{
		{name: "it succeeds", errs: []error{nil}, tries: 1},
		{name: "it succeeds at last", errs: []error{io.EOF, io.EOF, nil}, tries: 3, least: 900 * time.Millisecond, most: 1500 * time.Millisecond},
		{name: "it fails for good", errs: []error{errdefs.ErrNotFound}, tries: 1, want: errdefs.ErrNotFound},
		{name: "it fails for good at last", errs: []error{io.EOF, errdefs.ErrNotFound}, tries: 2, least: 225 * time.Millisecond, most: 375 * time.Millisecond, want: errdefs.ErrNotFound},
		{name: "it fails for ever", errs: []error{io.EOF}, tries: Tries, least: 2925 * time.Millisecond, most: 4875 * time.Millisecond, want: io.EOF},
		{name: "interrupt", errs: []error{io.EOF}, interrupt: 100 * time.Millisecond, tries: 1, least: 100 * time.Millisecond, most: 100 * time.Millisecond, want: io.EOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.interrupt > 0 {
					time.AfterFunc(tt.interrupt, cancel)
				}
				began, n := time.Now(), 0
				err := Retry(ctx, func() error { n++; return tt.errs[min(n, len(tt.errs))-1] })
				if took := time.Since(began); took < tt.least || took > tt.most {
					t.Errorf("it took %s; want %s to %s", took, tt.least, tt.most)
				}
				if n != tt.tries || !errors.Is(err, tt.want) {
					t.Errorf("%d tries, %v; want %d, %v", n, err, tt.tries, tt.want)
				}
			})
		})
	}
}

// Explain names its object, says what is wrong in plain words, and what to do.
func TestExplain(t *testing.T) {
	get := func(err error) error {
		return &url.Error{Op: "Get", URL: "https://registry.example.com/v2/?q=" + secret, Err: err}
	}
	for _, tt := range []struct {
		name  string
		err   error
		words []string
	}{
		{"no such host", get(&net.OpError{Op: "dial", Err: &net.DNSError{Name: "registry.example.com", IsNotFound: true}}), []string{"no such host: registry.example.com is not known", "DNS"}},
		{"no DNS", get(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "server misbehaving", Name: "registry.example.com", Server: "192.0.2.1:53"}}), []string{"its address cannot be looked up", "server misbehaving"}},
		{"no network", get(syscall.ENETUNREACH), []string{"it cannot be reached", "Check this machine's network"}},
		{"no route", get(syscall.EHOSTUNREACH), []string{"it cannot be reached"}},
		{"silence", get(slow{errors.New("i/o timeout")}), []string{"no answer in time", "Check that it runs"}},
		{"a deadline", context.DeadlineExceeded, []string{"no answer in time"}},
		{"stalled", errStalled, []string{"it stopped half-way", "nothing came for a minute"}},
		{"reset", get(syscall.ECONNRESET), []string{"it stopped half-way", "connection reset"}},
		{"a certificate for another name", get(&tls.CertificateVerificationError{Err: x509.HostnameError{Host: "registry.example.com", Certificate: &x509.Certificate{}}}), []string{"certificate is not to be trusted", "ca = "}},
		{"an expired certificate", get(x509.CertificateInvalidError{Reason: x509.Expired}), []string{"certificate is not to be trusted", "expired"}},
		{"a lie", fmt.Errorf("%w: x", ErrDigestMismatch), []string{"it lies about a digest", "Nothing of it was kept"}},
		{"anything", get(errors.New("what?")), []string{"what?"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := hostsFor(t).Explain("registry.example.com/app:1", fmt.Errorf("failed to do request: %w", tt.err))
			if err == nil || !strings.HasPrefix(err.Error(), "registry registry.example.com: ") {
				t.Errorf("error %v doesn't begin with its object", err)
			}
			wantError(t, err, append([]string{"registry.example.com"}, tt.words...)...)
			if !errors.Is(err, tt.err) {
				t.Errorf("the cause is lost: %v", err)
			}
			if again := hostsFor(t).Explain("registry.example.com/app:1", fmt.Errorf("layer: %w", err)); strings.Count(again.Error(), "registry registry") != 1 {
				t.Errorf("explained twice: %v", again)
			}
		})
	}
	if err := hostsFor(t).Explain("x", nil); err != nil {
		t.Error(err)
	}
}

// still is a fetcher, a body and a resolver of which nothing comes until its context ends.
type still struct {
	remotes.Resolver
	ctx context.Context
	got *strings.Reader
}

func (s still) Fetch(ctx context.Context, _ ocispec.Descriptor) (io.ReadCloser, error) {
	return still{ctx: ctx, got: s.got}, nil
}
func (s still) Close() error { return nil }
func (s still) Read(p []byte) (int, error) {
	if n, err := s.got.Read(p); err == nil {
		return n, nil
	}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}
func (s still) Resolve(ctx context.Context, _ string) (string, ocispec.Descriptor, error) {
	<-ctx.Done()
	return "", ocispec.Descriptor{}, ctx.Err()
}

// A transfer that stands still for a minute counts as broken off; one that is only read slowly does not.
func TestAStalledTransferEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var moved []int64
		b := must[*Body](t)(Fetch(t.Context(), still{got: strings.NewReader("abcd")}, ocispec.Descriptor{}, func(at int64) { moved = append(moved, at) }))
		defer b.Close()
		for range 2 {
			_ = must[int](t)(b.Read(make([]byte, 2)))
			time.Sleep(time.Hour) // a slow disk on this side
		}
		began := time.Now()
		_, err := b.Read(make([]byte, 2))
		if took := time.Since(began); took != silenceTimeout || !errors.Is(b.Err, errStalled) || err == nil {
			t.Errorf("after %s: %v, and Err is %v", took, err, b.Err)
		}
		if diff := cmp.Diff([]int64{2, 4}, moved); diff != "" {
			t.Error(diff)
		}
	})
}

// A registry that takes a question and never answers is not waited for without end, all tries together.
func TestASilentRegistryIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := resolveTop(t.Context(), still{}, "registry.example.com/app:1")
		if took := time.Since(began); took != silenceTimeout || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

// silent takes what is sent, up to so many bytes, and never answers.
type silent struct{ takes int64 }

func (s silent) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		if _, err := io.CopyN(io.Discard, req.Body, s.takes); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// slowly is content that takes its time on this side.
type slowly struct{ io.Reader }

func (s slowly) Read(p []byte) (int, error) {
	time.Sleep(time.Hour)
	return s.Reader.Read(p)
}

// A request that a registry takes and never answers, or doesn't take to its end, ends too, whatever it is for.
func TestASilentRequestEnds(t *testing.T) {
	for name, x := range map[string]struct {
		takes int64
		body  func() io.Reader
		want  time.Duration
	}{
		"a question":                {0, func() io.Reader { return nil }, silenceTimeout},
		"an upload that stops":      {2, func() io.Reader { return strings.NewReader("abcd") }, silenceTimeout},
		"an upload that is all":     {5, func() io.Reader { return strings.NewReader("abcd") }, finishTimeout},
		"content that is slow here": {2, func() io.Reader { return slowly{strings.NewReader("abcd")} }, time.Hour + silenceTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &http.Client{Transport: silent{x.takes}}
				setTimeouts(c)
				setTimeouts(c)
				began := time.Now()
				resp, err := c.Do(must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodPut, "http://registry.example.com/v2/", x.body())))
				if err == nil {
					resp.Body.Close()
				}
				if took := time.Since(began); took != x.want || !errors.Is(err, errSilent) || Transient(err) {
					t.Errorf("after %s: %v", took, err)
				}
			})
		})
	}
}
