package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/fairlead-dev/fairlead/"

// layout says what each of fairlead's packages may import of fairlead's, and of outside it what it may not. Imports go in
// one direction; a package that isn't here is a new room, and needs its line.
var layout = map[string]struct {
	may    []string // packages of fairlead
	mayNot []string // prefixes of import paths
}{
	"spec": {
		mayNot: []string{"net/http", "os/exec", "github.com/containerd/containerd", "google.golang.org/grpc"},
	},
	"planner": {
		may:    []string{"spec"},
		mayNot: []string{"os", "os/exec", "net", "math/rand", "crypto/rand", "github.com/containerd/containerd", "google.golang.org/grpc", "github.com/hashicorp/hcl/v2/"},
	},
	"executor": {
		may:    []string{"planner", "spec"},
		mayNot: []string{"github.com/containerd/containerd", "google.golang.org/grpc", "github.com/hashicorp/hcl"},
	},
	"executor/machine": {
		mayNot: []string{"github.com/containerd/containerd/v2/client", "google.golang.org/grpc", "github.com/hashicorp/hcl", "github.com/spf13/cobra"},
	},
	"executor/mark": {
		may:    []string{"executor/imageconfig", "planner", "spec"},
		mayNot: []string{"github.com/containerd/containerd", "google.golang.org/grpc", "github.com/hashicorp/hcl", "github.com/spf13/cobra"},
	},
	"executor/statcache": {
		may:    []string{"spec"},
		mayNot: []string{"github.com/containerd/containerd", "google.golang.org/grpc", "github.com/hashicorp/hcl", "github.com/spf13/cobra"},
	},
	"executor/stream": {
		mayNot: []string{"github.com/containerd/containerd", "google.golang.org/grpc", "github.com/hashicorp/hcl", "github.com/spf13/cobra"},
	},
	"executor/image": {
		may:    []string{"executor", "executor/archive", "executor/machine", "executor/manifest", "executor/mark", "executor/registry", "planner", "spec"},
		mayNot: []string{"github.com/hashicorp/hcl", "github.com/spf13/cobra"},
	},
	"executor/ocispec": {
		may:    []string{"executor/imageconfig", "executor/mark", "planner", "spec"},
		mayNot: []string{"os", "github.com/containerd/containerd/v2/client", "github.com/containerd/containerd/api", "google.golang.org/grpc", "github.com/hashicorp/hcl", "github.com/spf13/cobra"},
	},
	"executor/registry": {
		may:    []string{"spec"},
		mayNot: []string{"github.com/hashicorp/hcl", "github.com/spf13/cobra"},
	},
	"executor/archive": {
		may:    []string{"spec", "executor/stream"},
		mayNot: []string{"github.com/hashicorp/hcl", "github.com/spf13/cobra"},
	},
	"executor/binfmt": {
		may:    []string{"spec"},
		mayNot: []string{"github.com/containerd/containerd", "google.golang.org/grpc", "github.com/hashicorp/hcl", "github.com/spf13/cobra"},
	},
	"executor/build": {
		may:    []string{"planner", "spec", "executor/machine", "executor/statcache", "executor/stream"},
		mayNot: []string{"github.com/containerd/containerd", "google.golang.org/grpc", "github.com/hashicorp/hcl", "github.com/spf13/cobra"},
	},
	"executor/buildkit": {
		may:    []string{"executor", "spec", "executor/build", "executor/machine", "executor/registry"},
		mayNot: []string{"github.com/hashicorp/hcl", "github.com/spf13/cobra"},
	},
	"executor/imageconfig": {
		may:    []string{"spec"},
		mayNot: []string{"github.com/containerd/containerd", "google.golang.org/grpc", "github.com/hashicorp/hcl", "github.com/spf13/cobra"},
	},
	"executor/manifest": {
		may:    []string{"planner", "spec", "executor/imageconfig"},
		mayNot: []string{"github.com/containerd/containerd/v2/client", "google.golang.org/grpc", "github.com/hashicorp/hcl", "github.com/spf13/cobra"},
	},
	"executor/rootfs": {
		may:    []string{"planner", "spec", "executor/registry", "executor/statcache", "executor/stream"},
		mayNot: []string{"github.com/containerd/containerd/v2/client", "google.golang.org/grpc", "github.com/hashicorp/hcl", "github.com/spf13/cobra"},
	},
	"executor/sources": {
		may:    []string{"planner", "spec", "executor/archive", "executor/build", "executor/manifest", "executor/registry", "executor/rootfs"},
		mayNot: []string{"github.com/containerd/containerd/v2/client", "github.com/containerd/containerd/api", "google.golang.org/grpc", "github.com/hashicorp/hcl", "github.com/spf13/cobra"},
	},
	"executor/ctrd": {
		may: []string{"executor", "planner", "spec", "executor/registry", "executor/archive", "executor/binfmt", "executor/build", "executor/buildkit",
			"executor/imageconfig", "executor/machine", "executor/manifest", "executor/mark", "executor/image", "executor/ocispec", "executor/rootfs"},
		mayNot: []string{"github.com/spf13/cobra"},
	},
	"cmd/internal/view": {
		may:    []string{"executor", "planner", "spec"},
		mayNot: []string{"github.com/containerd/containerd", "google.golang.org/grpc", "github.com/spf13/cobra"},
	},
	"cmd/fairlead": {
		may: []string{"cmd/internal/view", "executor/ctrd", "executor/sources", "executor/registry", "executor/archive", "executor/binfmt", "executor/buildkit", "executor/machine",
			"executor", "planner", "spec"},
	},
}

// supports are packages that only tests import; they may import anything, and nothing that ships may import them.
var supports = []string{"executor/ctrd/ctrdtest", "executor/registry/registrytest", "cmd/internal/harness"}

func TestImportsGoInOneDirection(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.Contains(name, "testdata/") || strings.HasPrefix(name, "examples/") || slices.Contains(supports, name) {
			continue
		}
		seen[name] = true
		rules, ok := layout[name]
		if !ok {
			t.Errorf("%s: a package without a line in layout: say there what it may import", name)
			continue
		}
		for _, imported := range p.Imports {
			if own, ok := strings.CutPrefix(imported, module); ok {
				if !slices.Contains(rules.may, own) {
					t.Errorf("%s imports %s: not among what it may: %s", name, own, strings.Join(rules.may, ", "))
				}
				continue
			}
			for _, prefix := range rules.mayNot {
				if imported == prefix || strings.HasPrefix(imported, strings.TrimSuffix(prefix, "/")+"/") {
					t.Errorf("%s imports %s: it must do without %s", name, imported, prefix)
				}
			}
		}
	}
	for name := range layout {
		if !seen[name] {
			t.Errorf("%s: has a line in layout, and is no package", name)
		}
	}
}

// TestHooksLinkLittle: a hook or a logger beside a container links executor/machine and executor/mark alone, so that it is small and
// starts within milliseconds. Neither brings a client of anything.
func TestHooksLinkLittle(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "./executor/machine", "./executor/mark")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"google.golang.org/grpc", "github.com/containerd/containerd/v2/client", "github.com/containerd/containerd/api/services",
		"github.com/moby/buildkit", "net/http", module + "executor/ctrd", module + "executor/registry"} {
		for linked := range strings.Lines(string(out)) {
			if linked = strings.TrimSpace(linked); linked == prefix || strings.HasPrefix(linked, prefix+"/") {
				t.Errorf("executor/machine or executor/mark links %s", linked)
			}
		}
	}
}
