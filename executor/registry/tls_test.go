package registry

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fairlead-dev/fairlead/executor/registry/registrytest"
	"github.com/fairlead-dev/fairlead/spec"
)

// Each way to name an authority is heeded, and a certificate that nobody vouches for is refused, also on the loopback interface.
func TestCertificates(t *testing.T) {
	s := registrytest.New(t, true, nil)
	plain := registrytest.New(t, false, nil)
	stranger := strangerPEM(t)
	img := imageFor(t, "amd64")
	s.Push(t, "app:1", img)
	plain.Push(t, "app:1", img)
	dir := func(host string) string { h, p, _ := strings.Cut(host, ":"); return h + "_" + p + "_" }
	refused := []string{"its certificate is not to be trusted", "unknown authority", fmt.Sprintf(`ca = "FILE" in a registry %q block`, s.Host), "ca.crt"}
	for _, tt := range []struct {
		name  string
		at    *registrytest.Registry
		block *spec.Registry
		certs map[string]string
		words []string // of the error; none: it opens
	}{
		{name: "nobody vouches", at: s, words: refused},
		{name: "a block's ca", at: s, block: &spec.Registry{CA: tempFile(t, pemOf(s))}},
		{name: "a block's other ca", at: s, block: &spec.Registry{CA: tempFile(t, stranger)}, words: refused},
		{name: "a block's ca with a login", at: s, block: &spec.Registry{CA: tempFile(t, pemOf(s)), Username: user, Password: secret}},
		{name: "a login alone vouches for nothing", at: s, block: &spec.Registry{Username: user, Password: secret}, words: refused},
		{name: "a block's insecure", at: s, block: &spec.Registry{Insecure: true}},
		{name: "a block's ca that isn't there", at: s, block: &spec.Registry{CA: "/nowhere/ca.pem"}, words: []string{"its ca cannot be read", "/nowhere/ca.pem", "Correct the path"}},
		{name: "a block's ca that is none", at: s, block: &spec.Registry{CA: tempFile(t, "hello")}, words: []string{"no certificate in it", "PEM file"}},
		{name: "hosts.toml's ca", at: s, certs: map[string]string{"hosts.toml": "server = \"https://HOST\"\nca = \"own.pem\"\n", "own.pem": pemOf(s)}},
		{name: "hosts.toml's other ca", at: s, certs: map[string]string{"hosts.toml": "server = \"https://HOST\"\nca = \"own.pem\"\n", "own.pem": stranger}, words: refused},
		{name: "hosts.toml's ca that is none", at: s, certs: map[string]string{"hosts.toml": "server = \"https://HOST\"\nca = \"own.pem\"\n", "own.pem": "hello"},
			words: []string{"its settings in", "cannot be used", "own.pem"}},
		{name: "hosts.toml's skip_verify", at: s, certs: map[string]string{"hosts.toml": "server = \"https://HOST\"\nskip_verify = true\n"}},
		{name: "hosts.toml's skip_verify without a server", at: s, certs: map[string]string{"hosts.toml": "skip_verify = true\n"}},
		{name: "hosts.toml that vouches for nothing", at: s, certs: map[string]string{"hosts.toml": "server = \"https://HOST\"\n"}, words: refused},
		{name: "hosts.toml without a server vouches for nothing", at: s, certs: map[string]string{"hosts.toml": "capabilities = [\"pull\", \"resolve\"]\n"}, words: refused},
		{name: "docker's ca.crt", at: s, certs: map[string]string{"ca.crt": pemOf(s)}},
		{name: "docker's other ca.crt", at: s, certs: map[string]string{"ca.crt": stranger}, words: refused},
		{name: "a block before hosts.toml", at: s, block: &spec.Registry{CA: tempFile(t, pemOf(s))},
			certs: map[string]string{"hosts.toml": "server = \"https://HOST\"\nca = \"own.pem\"\n", "own.pem": stranger}},
		{name: "plain on the loopback interface", at: plain},
		{name: "plain on the loopback interface with a block", at: plain, block: &spec.Registry{Insecure: true}},
		{name: "plain by hosts.toml", at: plain, certs: map[string]string{"hosts.toml": "server = \"http://HOST\"\n"}},
		{name: "plain where hosts.toml asks for TLS", at: plain, certs: map[string]string{"hosts.toml": "server = \"https://HOST\"\n"},
			words: []string{"it speaks plain HTTP", fmt.Sprintf(`server = "http://%s"`, plain.Host), "hosts.toml"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var blocks []*spec.Registry
			if tt.block != nil {
				tt.block.Host = tt.at.Host
				blocks = append(blocks, tt.block)
			}
			h := hostsFor(t, blocks...)
			if tt.certs != nil {
				tt.certs["hosts.toml"] = strings.ReplaceAll(tt.certs["hosts.toml"], "HOST", tt.at.Host)
				h.certs(t, dir(tt.at.Host), tt.certs)
			}
			got, err := Resolve(t.Context(), h, tt.at.Host+"/app:1")
			if tt.words != nil {
				wantError(t, err, append([]string{tt.at.Host}, tt.words...)...)
			} else if err != nil || got.Digest != registrytest.Digest(t, img) {
				t.Errorf("resolved to %q, %v", got.Digest, err)
			}
		})
	}
}

// The directory of certs.d files is where the environment says.
func TestCertsDirIsFromTheEnvironment(t *testing.T) {
	t.Setenv(CertsDirEnv, "")
	if got := NewHosts(nil).CertsDir; got != "/etc/containerd/certs.d" {
		t.Errorf("it is %s", got)
	}
	t.Setenv(CertsDirEnv, "/elsewhere")
	if got := NewHosts(nil).CertsDir; got != "/elsewhere" {
		t.Errorf("it is %s", got)
	}
}

// Mirrors are asked in order, whatever is wrong with one, and the registry itself last. Where all fail, the error tells which one
// is meant, and whose settings would help.
func TestMirrors(t *testing.T) {
	img := imageFor(t, "amd64")
	shopFor := func(t *testing.T, secure bool, front func(http.ResponseWriter, *http.Request) bool) *registrytest.Registry {
		s := registrytest.New(t, secure, front)
		s.Push(t, "app:1", img)
		return s
	}
	const ref = "registry.example.com/app:1"
	for _, tt := range []struct {
		name    string
		mirrors []func(t *testing.T) *registrytest.Registry // nil: nothing listens there
		own     func(t *testing.T) *registrytest.Registry
		asked   []bool // mirrors, then the registry
		words   func(mirror string) []string
	}{
		{name: "the first has it",
			mirrors: []func(*testing.T) *registrytest.Registry{func(t *testing.T) *registrytest.Registry { return shopFor(t, false, nil) }, func(t *testing.T) *registrytest.Registry { return shopFor(t, false, nil) }},
			own:     func(t *testing.T) *registrytest.Registry { return shopFor(t, false, nil) }, asked: []bool{true, false, false}},
		{name: "the first is down",
			mirrors: []func(*testing.T) *registrytest.Registry{nil, func(t *testing.T) *registrytest.Registry { return shopFor(t, false, nil) }},
			own:     func(t *testing.T) *registrytest.Registry { return shopFor(t, false, nil) }, asked: []bool{false, true, false}},
		{name: "the first is empty",
			mirrors: []func(*testing.T) *registrytest.Registry{func(t *testing.T) *registrytest.Registry { return registrytest.New(t, false, nil) }},
			own:     func(t *testing.T) *registrytest.Registry { return shopFor(t, false, nil) }, asked: []bool{true, true}},
		{name: "the first is busy",
			mirrors: []func(*testing.T) *registrytest.Registry{func(t *testing.T) *registrytest.Registry {
				return shopFor(t, false, status(http.StatusServiceUnavailable))
			}},
			own: func(t *testing.T) *registrytest.Registry { return shopFor(t, false, nil) }, asked: []bool{true, true}},
		{name: "the first wants a login",
			mirrors: []func(*testing.T) *registrytest.Registry{func(t *testing.T) *registrytest.Registry { return shopFor(t, false, basic) }},
			own:     func(t *testing.T) *registrytest.Registry { return shopFor(t, false, nil) }, asked: []bool{true, true}},
		{name: "the first has a certificate of its own",
			mirrors: []func(*testing.T) *registrytest.Registry{func(t *testing.T) *registrytest.Registry { return shopFor(t, true, nil) }},
			own:     func(t *testing.T) *registrytest.Registry { return shopFor(t, false, nil) }, asked: []bool{false, true}},
		{name: "all are down", mirrors: []func(*testing.T) *registrytest.Registry{nil}, words: func(m string) []string {
			return []string{m + " (for registry.example.com)", "connection refused"}
		}},
		{name: "nobody has it",
			mirrors: []func(*testing.T) *registrytest.Registry{nil, func(t *testing.T) *registrytest.Registry { return registrytest.New(t, false, nil) }},
			own:     func(t *testing.T) *registrytest.Registry { return registrytest.New(t, false, nil) }, asked: []bool{false, true, true},
			words: func(string) []string { return []string{ref + ": not found"} }},
		{name: "a mirror wants a login, and the registry is down",
			mirrors: []func(*testing.T) *registrytest.Registry{func(t *testing.T) *registrytest.Registry { return shopFor(t, false, status(http.StatusForbidden)) }},
			asked:   []bool{true}, words: func(m string) []string {
				return []string{m + " (for registry.example.com)", "docker login " + m, `registry "` + m + `" block`}
			}},
		{name: "a mirror has a certificate of its own, and the registry is down",
			mirrors: []func(*testing.T) *registrytest.Registry{func(t *testing.T) *registrytest.Registry { return shopFor(t, true, nil) }},
			words: func(m string) []string {
				return []string{m + " (for registry.example.com)", "not to be trusted", `in a registry "` + m + `" block`, "registry.example.com/hosts.toml"}
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var shops []*registrytest.Registry
			first, toml := "", ""
			add := func(make func(*testing.T) *registrytest.Registry) string {
				if make == nil {
					shops = append(shops, nil)
					return "http://" + closedPort(t)
				}
				s := make(t)
				shops = append(shops, s)
				return s.URL
			}
			for _, make := range tt.mirrors {
				u := add(make)
				if _, host, _ := strings.Cut(u, "://"); first == "" {
					first = host
				}
				toml += fmt.Sprintf("[host.%q]\n  capabilities = [\"pull\", \"resolve\"]\n", u)
			}
			toml = fmt.Sprintf("server = %q\n", add(tt.own)) + toml
			h := hostsFor(t).certs(t, "registry.example.com", map[string]string{"hosts.toml": toml})
			got, err := Resolve(t.Context(), h, ref)
			if tt.words != nil {
				wantError(t, err, tt.words(first)...)
			} else if err != nil || got.Digest != registrytest.Digest(t, img) {
				t.Errorf("resolved to %q, %v", got.Digest, err)
			}
			for i, want := range tt.asked {
				if was := shops[i] != nil && shops[i].Asked.Load() > 0; was != want {
					t.Errorf("endpoint %d of %d: asked is %v; want %v", i+1, len(shops), was, want)
				}
			}
		})
	}
}

// A mirror takes its login from where every registry has it, and never that of the registry behind it.
func TestAMirrorGetsItsOwnLogin(t *testing.T) {
	img := imageFor(t, "amd64")
	var seen []string
	s := registrytest.New(t, false, func(w http.ResponseWriter, r *http.Request) bool {
		_, p, _ := r.BasicAuth()
		seen = append(seen, p)
		return basic(w, r)
	})
	s.Push(t, "app:1", img)
	toml := fmt.Sprintf("server = \"http://%s\"\n[host.%q]\n", closedPort(t), s.URL)
	for _, host := range []string{s.Host, "registry.example.com"} {
		seen = nil
		h := hostsFor(t, &spec.Registry{Host: host, Username: user, Password: secret}).certs(t, "registry.example.com", map[string]string{"hosts.toml": toml})
		_, err := Resolve(t.Context(), h, "registry.example.com/app:1")
		if host == s.Host && err != nil {
			t.Errorf("its own login doesn't open it: %v", err)
		}
		if host != s.Host && (err == nil || strings.Contains(strings.Join(seen, " "), secret)) {
			t.Errorf("it was given the password of the registry behind it (%v)", err)
		}
	}
}
