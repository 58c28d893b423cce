package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
)

// patience is how long a remote context is waited for.
const patience = 30 * time.Second

var fullCommit = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// gitState is a repository's URL and the commit that its ref stands for now. Where git isn't installed it is the URL alone, and a
// new commit isn't seen.
func gitState(ctx context.Context, at string, ref *dfgitutil.GitRef) (string, error) {
	shown := redacted(at)
	for _, commit := range []string{ref.Checksum, ref.Ref} {
		if fullCommit.MatchString(commit) {
			return shown, nil // the URL itself says which
		}
	}
	git, err := exec.LookPath("git")
	if err != nil {
		return shown, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	name := ref.Ref
	if name == "" {
		name = "HEAD"
	}
	cmd := exec.CommandContext(ctx, git, "ls-remote", "--", ref.Remote, name, name+"^{}")
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	cmd.WaitDelay = time.Second
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("%s: git ls-remote gave no answer: %w", shown, ctx.Err())
		}
		text := strings.ReplaceAll(strings.TrimSpace(said.String()), ref.Remote, redacted(ref.Remote))
		return "", fmt.Errorf("%s: it cannot be reached: %s", shown, text)
	}
	commit := ""
	for line := range strings.Lines(out.String()) { // a tag's own object comes first, then the commit that it names
		commit, _, _ = strings.Cut(line, "\t")
	}
	if commit == "" {
		return "", fmt.Errorf("%s: there is no branch or tag %s", shown, name)
	}
	return shown + " " + commit, nil
}

// httpState is a file's URL and what the server says of its content without sending it.
func httpState(ctx context.Context, at string) (string, error) {
	shown := redacted(at)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := ask(ctx, http.MethodHead, at)
	if err == nil && (answer.StatusCode == http.StatusMethodNotAllowed || answer.StatusCode == http.StatusNotImplemented) {
		answer, err = ask(ctx, http.MethodGet, at)
	}
	if err != nil {
		var system *url.Error
		if errors.As(err, &system) {
			err = system.Err // without the URL, which may hold a password
		}
		return "", fmt.Errorf("%s: it cannot be reached: %w", shown, err)
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return "", fmt.Errorf("%s: the server answers %s. Correct the URL", shown, answer.Status)
	}
	state := shown
	for _, name := range []string{"ETag", "Last-Modified", "Content-Length"} {
		if v := answer.Header.Get(name); v != "" {
			state += " " + v
		}
	}
	return state, nil
}

// ask gives a server's answer without its body.
func ask(ctx context.Context, method, at string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, at, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	return answer, answer.Body.Close()
}

// redacted is a URL without its password.
func redacted(at string) string {
	u, err := url.Parse(at)
	if err != nil {
		return at
	}
	if _, secret := u.User.Password(); !secret {
		return at
	}
	return u.Redacted()
}
