package registry

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairlead-dev/fairlead/executor/registry/registrytest"
	"github.com/fairlead-dev/fairlead/spec"
)

// helper is a credential helper that knows one login, and goes wrong as asked.
const helper = `#!/bin/sh
[ "$1" = get ] || exit 1
read -r host
case "$HELPER" in
none) echo "credentials not found in native keychain"; exit 1 ;;
broken) echo "the keychain is locked"; exit 1 ;;
token) echo "{\"ServerURL\":\"$host\",\"Username\":\"<token>\",\"Secret\":\"$HELPER_SECRET\"}" ;;
*) echo "{\"ServerURL\":\"$host\",\"Username\":\"ci\",\"Secret\":\"$HELPER_SECRET\"}" ;;
esac
`

// Each source of a login opens a registry, and where it doesn't, the error says whose turn it is, without the password.
func TestLogin(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-test"), []byte(helper), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	auth := func(password string) string { return base64.StdEncoding.EncodeToString([]byte(user + ":" + password)) }
	block := func(u, p string) func(string) *spec.Registry {
		return func(host string) *spec.Registry { return &spec.Registry{Host: host, Username: u, Password: p} }
	}
	const own, none = "%[1]s", "credential helper"
	for _, tt := range []struct {
		name   string
		config string // docker's config.json; %[1]s is the host
		helper string
		secret string // that the helper gives
		block  func(host string) *spec.Registry
		words  []string // of the error; none: it opens
		token  string   // "bearer" where only a registry with tokens can tell
	}{
		{name: "none", words: []string{"it wants a login for app", "run `docker login " + own + "`", `registry "` + own + `" block`}},
		{name: "a block", block: block(user, secret)},
		{name: "a block before config.json", config: `{"auths":{"%[1]s":{"auth":"` + auth(wrong) + `"}}}`, block: block(user, secret)},
		{name: "a block with the wrong password", block: block(user, wrong),
			words: []string{"it turns down the login for app", `check username and password in the registry "` + own + `" block`, user + " may use this repository"}},
		{name: "config.json", config: `{"auths":{"%[1]s":{"auth":"` + auth(secret) + `"}}}`},
		{name: "config.json with a scheme", config: `{"auths":{"https://%[1]s/v1/":{"auth":"` + auth(secret) + `"}}}`},
		{name: "config.json with the wrong password", config: `{"auths":{"%[1]s":{"auth":"` + auth(wrong) + `"}}}`,
			words: []string{"it turns down the login for app", "run `docker login " + own + "`"}},
		{name: "config.json for another host", config: `{"auths":{"registry.example.com":{"auth":"` + auth(secret) + `"}}}`, words: []string{"it wants a login"}},
		{name: "config.json that is broken", config: `{"auths":`, words: []string{"docker's login file cannot be read", "config.json", "docker login " + own}},
		{name: "config.json with a login that is broken", config: `{"auths":{"%[1]s":{"auth":"` + secret + `"}}}`, words: []string{"docker's login file cannot be read"}},
		{name: "an identity token", config: `{"auths":{"%[1]s":{"identitytoken":"` + secret + `"}}}`, token: "bearer"},
		{name: "a helper for the host", config: `{"credHelpers":{"%[1]s":"test"}}`, secret: secret},
		{name: "a helper for all", config: `{"credsStore":"test"}`, secret: secret},
		{name: "a helper with a token", config: `{"credsStore":"test"}`, helper: "token", secret: secret, token: "bearer"},
		{name: "a helper with the wrong password", config: `{"credsStore":"test"}`, secret: wrong, words: []string{"it turns down the login for app"}},
		{name: "a helper that knows none", config: `{"credsStore":"test"}`, helper: "none", words: []string{"it wants a login for app"}},
		{name: "a helper that is broken", config: `{"credsStore":"test"}`, helper: "broken", words: []string{none, "the keychain is locked", `registry "` + own + `" block`}},
		{name: "a helper that isn't there", config: `{"credHelpers":{"%[1]s":"gone"}}`, words: []string{none, "docker-credential-gone"}},
	} {
		for _, scheme := range []string{"basic", "bearer"} {
			if tt.token != "" && tt.token != scheme {
				continue
			}
			t.Run(tt.name+"/"+scheme, func(t *testing.T) {
				var s *registrytest.Registry
				front := basic
				if scheme == "bearer" {
					front = bearer(&s)
				}
				s = registrytest.New(t, false, front)
				img := imageFor(t, "amd64")
				s.Push(t, "app:1", img)
				dir := t.TempDir()
				if tt.config != "" {
					text := tt.config
					if strings.Contains(text, own) {
						text = fmt.Sprintf(text, s.Host)
					}
					if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				t.Setenv("DOCKER_CONFIG", dir)
				t.Setenv(CertsDirEnv, t.TempDir())
				t.Setenv("HELPER", tt.helper)
				t.Setenv("HELPER_SECRET", tt.secret)
				var blocks []*spec.Registry
				if tt.block != nil {
					blocks = append(blocks, tt.block(s.Host))
				}
				got, err := Resolve(t.Context(), NewHosts(blocks), s.Host+"/app:1")
				if tt.words == nil {
					if err != nil || got.Digest != registrytest.Digest(t, img) {
						t.Errorf("resolved to %s, %v", got.Digest, err)
					}
					return
				}
				words := []string{s.Host}
				for _, w := range tt.words {
					words = append(words, strings.ReplaceAll(w, own, s.Host))
				}
				wantError(t, err, words...)
			})
		}
	}
}

// Docker Hub has several names, and docker keeps its login under one more.
func TestDockerHubsLoginIsFoundByEachOfItsNames(t *testing.T) {
	h := hostsFor(t)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	config := fmt.Sprintf(`{"auths":{"https://index.docker.io/v1/":{"auth":%q}}}`, base64.StdEncoding.EncodeToString([]byte(user+":"+secret)))
	if err := os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	h.login = NewHosts(nil).login
	for _, host := range []string{"docker.io", "registry-1.docker.io", "index.docker.io"} {
		if u, p, err := h.Login(host); u != user || p != secret || err != nil {
			t.Errorf("%s: %q, %q, %v", host, u, p, err)
		}
	}
	h = hostsFor(t, &spec.Registry{Host: "docker.io", Username: "me", Password: "mine"})
	if u, _, _ := h.Login("registry-1.docker.io"); u != "me" {
		t.Errorf("a block for docker.io is not used: %q", u)
	}
}
