package build

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
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

	"github.com/fairlead-dev/fairlead/spec"
)

// serverTimeout bounds a question to the server of a remote context, and the silence of one that sends a file.
const serverTimeout = 30 * time.Second

var fullCommit = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

var errNoGit = errors.New("git isn't installed here, which asks for it. Install it, or write the commit into the URL")

// gitState is a repository's URL and the commit that its ref stands for now. Where git isn't installed it is the URL alone, and a
// new commit isn't seen.
func gitState(ctx context.Context, at string, ref *dfgitutil.GitRef) (string, error) {
	shown := spec.Shown(at)
	for _, commit := range []string{ref.Checksum, ref.Ref} {
		if fullCommit.MatchString(commit) {
			return shown, nil // the URL itself says which
		}
	}
	commit, err := gitCommit(ctx, shown, ref)
	if errors.Is(err, errNoGit) {
		return shown, nil
	}
	if err != nil {
		return "", err
	}
	return shown + " " + commit, nil
}

// gitCommit asks a repository which commit a ref stands for.
func gitCommit(ctx context.Context, shown string, ref *dfgitutil.GitRef) (string, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return "", fmt.Errorf("%s: its commit is not known: %w", shown, errNoGit)
	}
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	name := cmp.Or(ref.Ref, "HEAD")
	remote, login := withoutLogin(ref.Remote)
	cmd := exec.CommandContext(ctx, git, "ls-remote", "--", remote, name, name+"^{}")
	cmd.Env = append(append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "LC_ALL=C"), login...)
	cmd.WaitDelay = time.Second
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		switch err := ctx.Err(); {
		case errors.Is(err, context.DeadlineExceeded):
			return "", fmt.Errorf("%s: git ls-remote gave no answer in time. Check that its server runs, and this machine's network", shown)
		case err != nil:
			return "", fmt.Errorf("%s: git ls-remote: %w", shown, err)
		}
		text := strings.TrimSpace(said.String())
		return "", fmt.Errorf("%s: it cannot be reached: %s", shown, text)
	}
	commit := commitOf(out.String(), name)
	if commit == "" {
		return "", fmt.Errorf("%s: there is no branch or tag %s", shown, name)
	}
	return commit, nil
}

// commitOf finds in a list of refs what a name stands for, in BuildKit's order: the ref that is named whole, a branch, a tag. Of a tag with
// an object of its own it is the commit that this names.
func commitOf(list, name string) string {
	found := map[string]string{}
	for line := range strings.Lines(list) {
		commit, ref, _ := strings.Cut(strings.TrimSpace(line), "\t")
		found[ref] = commit
	}
	for _, ref := range []string{name, "refs/" + name, "refs/heads/" + name, "refs/tags/" + name} {
		for _, exact := range []string{ref + "^{}", ref} {
			if commit := found[exact]; commit != "" {
				return commit
			}
		}
	}
	return ""
}

// withoutLogin takes the user and the password out of a repository's URL, and gives them as git takes them from its environment: anybody
// can see a program's arguments.
func withoutLogin(remote string) (string, []string) {
	u, err := url.Parse(remote)
	if err != nil || u.User == nil || u.Scheme != "https" && u.Scheme != "http" {
		return remote, nil
	}
	password, _ := u.User.Password()
	login := base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password))
	u.User = nil
	return u.String(), []string{"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraHeader", "GIT_CONFIG_VALUE_0=Authorization: Basic " + login}
}

// httpState is a file's URL and what the server says of its content without sending it; where it says neither when that changed nor which one it
// is, its digest, for which the whole file is read.
func httpState(ctx context.Context, at string) (string, error) {
	shown := spec.Shown(at)
	soon, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	answer, err := askForHeaders(soon, http.MethodHead, at)
	if err == nil && (answer.StatusCode == http.StatusMethodNotAllowed || answer.StatusCode == http.StatusNotImplemented) {
		answer, err = askForHeaders(soon, http.MethodGet, at)
	}
	if err != nil {
		if system, ok := errors.AsType[*url.Error](err); ok {
			err = system.Err // without the URL, which may hold a password
		}
		return "", fmt.Errorf("%s: it cannot be reached: %w", shown, err)
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return "", fmt.Errorf("%s: the server answers %s. Correct the URL", shown, answer.Status)
	}
	if answer.Header.Get("ETag") == "" && answer.Header.Get("Last-Modified") == "" {
		sum, err := httpDigest(ctx, at)
		if err != nil {
			return "", fmt.Errorf("%s: %w", shown, err)
		}
		return shown + " " + sum, nil
	}
	state := shown
	for _, name := range []string{"ETag", "Last-Modified", "Content-Length"} {
		if v := answer.Header.Get(name); v != "" {
			state += " " + v
		}
	}
	return state, nil
}

// earlierState tells whether an earlier version wrote was where now is what httpState gives: the length alone, in a digest's place.
func earlierState(was, now string) bool {
	shown, _, isDigest := strings.Cut(now, " sha256:")
	length, isLength := strings.CutPrefix(was, shown+" ")
	return isDigest && (was == shown || isLength && strings.Trim(length, "0123456789") == "")
}

// askForHeaders gives a server's answer without its body.
func askForHeaders(ctx context.Context, method, at string) (*http.Response, error) {
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
