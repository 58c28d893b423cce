package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// finishTimeout is how long a registry may take to answer once it has all of a request: it may put a large blob in its place first.
const finishTimeout = 5 * time.Minute

// errSilent is no timeout to be tried again: who said nothing at all for so long won't do so in the next minute.
var errSilent = errors.New("no answer in time")

// boundTransport ends requests that a registry takes and never answers, or stops reading half-way. Whoever reads the answer looks after that.
type boundTransport struct{ http.RoundTripper }

// setTimeouts gives a client's requests their bounds, once.
func setTimeouts(c *http.Client) {
	if _, ok := c.Transport.(boundTransport); c.Transport != nil && !ok {
		c.Transport = boundTransport{c.Transport}
	}
}

func (p boundTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	w := &watch{timer: time.AfterFunc(silenceTimeout, func() { cancel(errSilent) })}
	out := req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		out.Body = &watchedBody{req.Body, w}
		if req.GetBody != nil {
			out.GetBody = func() (io.ReadCloser, error) {
				b, err := req.GetBody()
				return &watchedBody{b, w}, err
			}
		}
	}
	resp, err := p.RoundTripper.RoundTrip(out)
	w.over.Store(true)
	w.timer.Stop()
	if err != nil {
		if errors.Is(context.Cause(ctx), errSilent) {
			err = errSilent
		}
		cancel(nil)
		return nil, err
	}
	resp.Body = &lastBody{resp.Body, func() {
		w.timer.Stop()
		cancel(nil)
	}}
	return resp, nil
}

// watch is the time that a registry has before it must have asked for more, or answered.
type watch struct {
	timer *time.Timer
	over  atomic.Bool // it has answered, perhaps before it had all
}

func (w *watch) within(d time.Duration) {
	if !w.over.Load() {
		w.timer.Reset(d)
	}
}

// watchedBody is what is sent. While it is read, nobody waits for the registry.
type watchedBody struct {
	io.ReadCloser
	w *watch
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.w.timer.Stop()
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.w.within(finishTimeout)
	} else {
		b.w.within(silenceTimeout)
	}
	return n, err
}

// lastBody is an answer, whose request ends when it is closed.
type lastBody struct {
	io.ReadCloser
	end func()
}

func (b *lastBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
