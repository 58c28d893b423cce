package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A remote is the same whatever way leads to it, and gives away no credentials.
func TestBareRemote(t *testing.T) {
	for remote, want := range map[string]string{
		"https://example.com/shop/infra.git":                       "example.com/shop/infra",
		"https://ann:hunter2@example.com/shop/infra":               "example.com/shop/infra",
		"https://hunter2@example.com:8443/shop/infra.git/":         "example.com/shop/infra",
		"https://example.com/shop/infra.git?token=hunter2#hunter2": "example.com/shop/infra",
		"ssh://git@example.com:22/shop/infra.git":                  "example.com/shop/infra",
		"git@example.com:shop/infra.git":                           "example.com/shop/infra",
		"git@Example.com:shop/infra":                               "example.com/shop/infra",
		"/srv/git/infra.git":                                       "/srv/git/infra",
		"file:///srv/git/infra.git":                                "/srv/git/infra",
		"ext::sh -c hunter2":                                       "",
		"https://hunter2:%zz@example.com/x":                        "",
		"":                                                         "",
		"https://example.com/" + strings.Repeat("x", 5000):         "",
	} {
		if got := bareRemote(remote); got != want {
			t.Errorf("%.60s is %q; want %q", remote, got, want)
		}
	}
}

// The directory in the repository counts, wherever it is checked out, and in a linked work tree as well.
func TestOriginOf(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write := func(path, text string) {
		at := filepath.Join(top, path)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	config := "[core]\n\tbare = false\n[remote \"up\"]\n\turl = https://example.com/up\n[remote \"origin\"]\n\tfetch = +x\n\turl = https://u:p@example.com/shop/infra.git\n[branch \"url\"]\n\turl = no\n"
	write("clone/.git/config", config)
	write("clone/prod/s.fairlead.hcl", "")
	write("clone/.git/worktrees/w/commondir", "../..\n")
	write("linked/.git", "gitdir: "+filepath.Join(top, "clone/.git/worktrees/w")+"\n")
	write("linked/prod/s.fairlead.hcl", "")
	write("plain/s.fairlead.hcl", "")
	write("bare/.git/config", "[core]\n")
	for dir, want := range map[string]string{"clone/prod": "example.com/shop/infra//prod", "clone": "example.com/shop/infra", "linked/prod": "example.com/shop/infra//prod", "plain": "", "bare": ""} {
		o := originOf(filepath.Join(top, dir))
		if o.Repo != want || o.Dir != filepath.Join(top, dir) || o.User == "" {
			t.Errorf("%s: %+v; want the repository %q", dir, o, want)
		}
	}
}
