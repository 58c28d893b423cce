package imageconfig

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestOddImageConfigs: each does what docker makes of it, or is told in words of its own.
func TestOddImageConfigs(t *testing.T) {
	path := []string{DefaultPath}
	for name, c := range map[string]struct {
		in   ocispec.ImageConfig
		want Config
		err  string
	}{
		"nothing":             {want: Config{Env: path}},
		"no path":             {in: ocispec.ImageConfig{Env: []string{"FOO=1"}}, want: Config{Env: []string{"FOO=1", DefaultPath}}},
		"an empty path":       {in: ocispec.ImageConfig{Env: []string{"PATH="}}, want: Config{Env: []string{"PATH="}}},
		"another's path":      {in: ocispec.ImageConfig{Env: []string{"MYPATH=x"}}, want: Config{Env: []string{"MYPATH=x", DefaultPath}}},
		"no value":            {in: ocispec.ImageConfig{Env: []string{"FOO", "", "PATH=/bin"}}, want: Config{Env: []string{"PATH=/bin"}}},
		"twice":               {in: ocispec.ImageConfig{Env: []string{"A=1", "PATH=/bin", "A=2=3"}}, want: Config{Env: []string{"A=2=3", "PATH=/bin"}}},
		"a newline":           {in: ocispec.ImageConfig{Env: []string{"PATH=/bin", "A=1\n2"}}, want: Config{Env: []string{"PATH=/bin", "A=1\n2"}}},
		"no name":             {in: ocispec.ImageConfig{Env: []string{"=x"}}, err: "an environment variable has no name"},
		"a zero byte":         {in: ocispec.ImageConfig{Env: []string{"A=1\x002"}}, err: `"A" has a zero byte`},
		"a zero byte in it":   {in: ocispec.ImageConfig{Cmd: []string{"a\x00"}}, err: "an argument has a zero byte"},
		"a long variable":     {in: ocispec.ImageConfig{Env: []string{"A=" + strings.Repeat("x", 128<<10)}}, err: "131074 bytes"},
		"relative":            {in: ocispec.ImageConfig{WorkingDir: "app/../srv"}, want: Config{Env: path, WorkingDir: "/srv"}},
		"above the root":      {in: ocispec.ImageConfig{WorkingDir: "../.."}, want: Config{Env: path, WorkingDir: "/"}},
		"a directory's end":   {in: ocispec.ImageConfig{WorkingDir: "/app/"}, want: Config{Env: path, WorkingDir: "/app"}},
		"a zero in directory": {in: ocispec.ImageConfig{WorkingDir: "/a\x00"}, err: "working directory has a zero byte"},
		"a long directory":    {in: ocispec.ImageConfig{WorkingDir: strings.Repeat("a", 256)}, err: "working directory has a name of 256 bytes"},
		"an empty entrypoint": {in: ocispec.ImageConfig{Entrypoint: []string{""}, Cmd: []string{"x"}}, want: Config{Env: path, Cmd: []string{"x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Of(c.in)
			if err != nil || c.err != "" {
				if err == nil || c.err == "" || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got %v, want %q", err, c.err)
				}
				return
			}
			if d := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
		})
	}
}
