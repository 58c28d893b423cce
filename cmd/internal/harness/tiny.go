package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// Tiny compiles testdata/tiny for architectures, once for each.
type Tiny struct {
	Top string // the checkout
	Dir string // for what is compiled

	mu   sync.Mutex
	have map[string]bool
}

// For gives the path of the program for an architecture as Go names it.
func (t *Tiny) For(arch string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	path := filepath.Join(t.Dir, "tiny-"+arch)
	if t.have[arch] {
		return path, nil
	}
	if err := compile(t.Top, "tiny", path, "GOARCH="+arch); err != nil {
		return "", err
	}
	if t.have == nil {
		t.have = map[string]bool{}
	}
	t.have[arch] = true
	return path, nil
}

// compile builds a program of testdata without cgo for linux.
func compile(top, program, path string, env ...string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/fairlead/testdata/"+program)
	cmd.Dir = top
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", program, env, err, out)
	}
	return nil
}
