package binfmt

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

const systemdBinfmt = "/usr/lib/systemd/systemd-binfmt"

func TestPersist(t *testing.T) {
	h := Host{PersistDir: filepath.Join(t.TempDir(), "binfmt.d")}
	r, err := ParseRule(`:qemu-x:M::BC::/usr/bin/q:`)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Persist(r); err == nil {
		t.Error("a rule that is not fairlead's is written down")
	}
	r = r.Own()
	path := filepath.Join(h.PersistDir, "fairlead-qemu-x.conf")
	persisted := func(want string) {
		t.Helper()
		got, ok, err := h.Persisted(r.Name)
		if err != nil || ok != (want != "") || ok && (got.Line() != want || got.File != path) {
			t.Errorf("persisted: %+v, %v, %v, want %q", got, ok, err, want)
		}
	}
	persist := func() {
		t.Helper()
		if err := h.Persist(r); err != nil {
			t.Fatal(err)
		}
		persisted(r.Line())
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
			t.Error(info, err)
		}
	}
	persisted("")
	persist()
	// A killed one leaves a file that is no rule of systemd's, and is in nobody's way.
	half := filepath.Join(h.PersistDir, "."+filepath.Base(path)+".1234")
	if err := os.WriteFile(half, []byte("half a li"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Interpreter = "/usr/bin/other"
	persist()
	for _, file := range []string{path, half} {
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}
	persisted("")
	if left, err := os.ReadDir(h.PersistDir); err != nil || len(left) != 0 {
		t.Error(left, err)
	}
}

// What is written down is registered by systemd as it is by fairlead.
func TestSystemdReadsIt(t *testing.T) {
	if _, err := os.Stat(systemdBinfmt); err != nil {
		t.Skip(err)
	}
	private(t, func(h Host) {
		h.Mount = System().Mount // which is the only one that systemd knows
		if err := unix.Mount("binfmt_misc", h.Mount, "binfmt_misc", 0, ""); err != nil {
			t.Fatal(err)
		}
		defer unmount(t, h)
		r := find(t, h, foreign)
		if err := h.Persist(r); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(systemdBinfmt, filepath.Join(h.PersistDir, r.Name+".conf")).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if s := check(t, h, foreign, Works); s.Handler.Name != r.Name || s.Handler.Interpreter != r.Interpreter {
			t.Errorf("%+v", s.Handler)
		}
	})
}
