package machine

import (
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// CompatiblePlatforms gives what this machine's processor and kernel run besides its own platform.
func CompatiblePlatforms(native string) []string {
	switch {
	case strings.HasPrefix(native, "linux/amd64"):
		// There only if the kernel was built to run programs of 32 bits.
		if _, err := os.Stat("/proc/sys/abi/vsyscall32"); err == nil {
			return []string{"linux/386"}
		}
	case strings.HasPrefix(native, "linux/arm64"):
		if runs32() {
			return []string{"linux/arm/v7", "linux/arm/v6"}
		}
	}
	return nil
}

// runs32 asks an arm64 kernel whether the processor runs programs of 32 bits.
func runs32() bool {
	const (
		linux   = 0
		linux32 = 8
	)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, _, e := unix.RawSyscall(unix.SYS_PERSONALITY, linux32, 0, 0); e != 0 {
		return false
	}
	_, _, e := unix.RawSyscall(unix.SYS_PERSONALITY, linux, 0, 0)
	return e == 0
}
