package binfmt

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const privateEnv = "FAIRLEAD_TEST_PRIVATE_BINFMT"

// private runs a test's body in another process, as root of a user namespace: since Linux 6.7 each has a binfmt_misc of its own, so
// that real handlers are registered with the real kernel, and no other process of the machine sees them.
func private(t *testing.T, body func(Host)) {
	t.Helper()
	if os.Getenv(privateEnv) == t.Name() {
		h := System()
		h.Mount, h.PersistDir = t.TempDir(), t.TempDir()
		if err := h.mount(); errors.Is(err, unix.EPERM) {
			t.Skip("this kernel, older than 6.7, has one binfmt_misc for all")
		}
		unmount(t, h)
		t.Cleanup(func() { unmount(t, h) })
		body(h)
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), privateEnv+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

func unmount(t *testing.T, h Host) {
	if h.Mounted() {
		if err := unix.Unmount(h.Mount, 0); err != nil {
			t.Error(err)
		}
	}
}
