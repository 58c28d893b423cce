package registry

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-dev/fairlead/executor/registry/registrytest"
	"github.com/fairlead-dev/fairlead/spec"
)

// Blocks and certs.d are told to another program as fairlead itself would follow them.
func TestSettings(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(CertsDirEnv, dir)
	for name, text := range map[string]string{
		"docker.io/hosts.toml":      "server = \"https://registry-1.docker.io\"\n[host.\"https://mirror.example:5000\"]\nskip_verify = true\n",
		"plain.example/hosts.toml":  "server = \"http://plain.example\"\n",
		"own.example/ca.crt":        pemOf(registrytest.New(t, true, nil)),
		"_default/hosts.toml":       "server = \"https://everything.example\"\n",
		"both.example:5/hosts.toml": "server = \"https://both.example:5\"\n",
	} {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := NewHosts([]*spec.Registry{{Host: "both.example:5", CA: "/etc/ca.pem"}, {Host: "block.example", Insecure: true}}).Settings()
	if err != nil {
		t.Fatal(err)
	}
	want := []Setting{
		{Host: "block.example", Insecure: true, Mirrors: []string{"everything.example"}}, // _default's, as for any host without its own
		{Host: "both.example:5", CA: []string{"/etc/ca.pem"}},
		{Host: "docker.io", Mirrors: []string{"mirror.example:5000"}},
		{Host: "everything.example"},
		{Host: "mirror.example:5000", Insecure: true},
		{Host: "own.example", CA: []string{filepath.Join(dir, "own.example/ca.crt")}},
		{Host: "plain.example", Plain: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
