package ctrd

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// compatible gives what else the machine's own processor and kernel run.
func compatible(native string) []string {
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

// binfmtDir is where the kernel tells which interpreters are registered for foreign programs.
const binfmtDir = "/proc/sys/fs/binfmt_misc"

// emulators are the platforms that QEMU's user-mode emulators stand for, by the names that every distribution registers them under.
var emulators = map[string]string{
	"qemu-x86_64": "linux/amd64", "qemu-i386": "linux/386", "qemu-aarch64": "linux/arm64", "qemu-arm": "linux/arm/v7",
	"qemu-riscv64": "linux/riscv64", "qemu-ppc64le": "linux/ppc64le", "qemu-s390x": "linux/s390x", "qemu-loongarch64": "linux/loong64",
	"qemu-mips64el": "linux/mips64le", "qemu-mips64": "linux/mips64", "qemu-mipsel": "linux/mipsle", "qemu-mips": "linux/mips",
}

// emulated gives the platforms that run by an enabled handler whose interpreter works in any root: the kernel opened it when it
// was registered (flag F).
func emulated(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		p, ok := emulators[e.Name()]
		if !ok {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		lines := strings.Split(string(b), "\n")
		fixed := slices.ContainsFunc(lines, func(l string) bool {
			flags, ok := strings.CutPrefix(l, "flags:")
			return ok && strings.Contains(flags, "F")
		})
		if slices.Contains(lines, "enabled") && fixed {
			out = append(out, p)
			if p == "linux/arm/v7" {
				out = append(out, "linux/arm/v6", "linux/arm/v5")
			}
		}
	}
	return out
}
