package main

import (
	"bufio"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/fairlead-dev/fairlead/planner"
)

// originOf says where a stack in dir is applied from.
func originOf(dir string) planner.Origin {
	o := planner.Origin{Dir: dir, User: os.Getenv("SUDO_USER")}
	if abs, err := filepath.Abs(dir); err == nil {
		o.Dir = abs
	}
	if real, err := filepath.EvalSymlinks(o.Dir); err == nil {
		o.Dir = real
	}
	o.Host, _ = os.Hostname()
	if u, err := user.Current(); o.User == "" && err == nil {
		o.User = u.Username
	}
	for top := o.Dir; ; top = filepath.Dir(top) {
		if config := gitConfig(top); config != "" {
			if remote := remoteIn(config); remote != "" {
				o.Repo = remote
				if below, err := filepath.Rel(top, o.Dir); err == nil && below != "." {
					o.Repo += "//" + filepath.ToSlash(below)
				}
			}
			break
		}
		if top == filepath.Dir(top) {
			break
		}
	}
	return o
}

// gitConfig finds the configuration of the repository whose work tree's top is dir; "" if it is none.
func gitConfig(dir string) string {
	at := filepath.Join(dir, ".git")
	info, err := os.Stat(at)
	if err != nil {
		return ""
	}
	if !info.IsDir() { // a linked work tree, or a submodule
		b, err := os.ReadFile(at)
		path, ok := strings.CutPrefix(strings.TrimSpace(string(b)), "gitdir: ")
		if err != nil || !ok {
			return ""
		}
		if at = path; !filepath.IsAbs(at) {
			at = filepath.Join(dir, path)
		}
		if common, err := os.ReadFile(filepath.Join(at, "commondir")); err == nil {
			path := strings.TrimSpace(string(common))
			if filepath.IsAbs(path) {
				at = path
			} else {
				at = filepath.Join(at, path)
			}
		}
	}
	return filepath.Join(at, "config")
}

var gitRemote = regexp.MustCompile(`^\[remote "(.*)"\]$`)

// remoteIn gives the remote origin of a repository's configuration, or its first one, without credentials; "" if there is none that is an address.
func remoteIn(config string) string {
	f, err := os.Open(config)
	if err != nil {
		return ""
	}
	defer f.Close()
	first, name := "", ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			name = ""
			if m := gitRemote.FindStringSubmatch(line); m != nil {
				name = m[1]
			}
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		if name == "" || !strings.EqualFold(strings.TrimSpace(key), "url") {
			continue
		}
		remote := bareRemote(strings.Trim(strings.TrimSpace(value), `"`))
		if name == "origin" {
			return remote
		}
		if first == "" {
			first = remote
		}
	}
	return first
}

// scpLike is git's short form of an address over SSH.
var scpLike = regexp.MustCompile(`^(?:[^@/:]*@)?([A-Za-z0-9.-]+):([^:]+)$`)

// bareRemote gives a remote's host and path: what is the same for each way to reach it, and holds no user, password, token or option. "" for what
// is no address of that kind.
func bareRemote(remote string) string {
	host, path := "", ""
	if u, err := url.Parse(remote); err == nil && u.Scheme != "" && strings.Contains(remote, "://") {
		host, path = u.Hostname(), u.Path
	} else if m := scpLike.FindStringSubmatch(remote); m != nil {
		host, path = m[1], m[2]
	} else if filepath.IsAbs(remote) {
		path = remote
	}
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	if path == "" || len(host)+len(path) > 1024 {
		return ""
	}
	return strings.ToLower(host) + "/" + path
}
