package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"

	"github.com/fairlead-dev/fairlead/spec"
)

// Pin asks what a source is now: a repository for the commit, a server for the whole file. An error names the URL.
func (s Source) Pin(ctx context.Context) (spec.Pin, error) {
	shown := spec.Shown(s.URL)
	if s.Git {
		ref, _, err := dfgitutil.ParseGitRef(s.URL)
		if err != nil {
			return spec.Pin{}, fmt.Errorf("%s: %w", shown, err)
		}
		commit, err := gitCommit(ctx, shown, ref)
		return spec.Pin{Commit: commit}, err
	}
	sum, err := httpDigest(ctx, s.URL)
	if err != nil {
		return spec.Pin{}, fmt.Errorf("%s: %w", shown, err)
	}
	return spec.Pin{Digest: sum}, nil
}

var errSilent = fmt.Errorf("nothing came for %s", serverTimeout)

// httpDigest reads a file from a server, as BuildKit does, and gives the digest of its content. It may take as long as something comes.
func httpDigest(ctx context.Context, at string) (string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(serverTimeout, func() { cancel(errSilent) })
	defer silence.Stop()
	fail := func(err error) error {
		if errors.Is(context.Cause(ctx), errSilent) {
			err = errSilent
		}
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err // without the URL, which may hold a password
		}
		return fmt.Errorf("it cannot be fetched: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return "", fail(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fail(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode < 200 || answer.StatusCode >= 300 {
		return "", fmt.Errorf("the server answers %s. Correct the URL", answer.Status)
	}
	sum := sha256.New()
	buf := make([]byte, 128<<10)
	for {
		n, err := answer.Body.Read(buf)
		sum.Write(buf[:n])
		silence.Reset(serverTimeout)
		if errors.Is(err, io.EOF) {
			return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
		}
		if err != nil {
			return "", fail(err)
		}
	}
}
