package rootfs

import (
	"encoding/base64"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// xattrs are a file's extended attributes that are its own: the capabilities that it gives, and what users note on it. Others are
// the host's or the filesystem's.
type xattrs map[string]string

func isPortable(name string) bool {
	return name == "security.capability" || strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "user.overlay.")
}

// String is the same for equal attributes.
func (x xattrs) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(x)) {
		b.WriteString(" " + name + "=" + base64.StdEncoding.EncodeToString([]byte(x[name])))
	}
	return b.String()
}

func xattrsOf(f *os.File) (xattrs, error) {
	names, err := readGrowing(func(b []byte) (int, error) { return unix.Flistxattr(int(f.Fd()), b) })
	if err != nil {
		return nil, err
	}
	var out xattrs
	for name := range strings.SplitSeq(names, "\x00") {
		if !isPortable(name) {
			continue
		}
		value, err := readGrowing(func(b []byte) (int, error) { return unix.Fgetxattr(int(f.Fd()), name, b) })
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = xattrs{}
		}
		out[name] = value
	}
	return out, nil
}

// readGrowing calls read with ever more room until that is enough.
func readGrowing(read func([]byte) (int, error)) (string, error) {
	for room := 1 << 10; ; room *= 4 {
		b := make([]byte, room)
		n, err := read(b)
		switch {
		case errors.Is(err, unix.ERANGE):
			continue
		case errors.Is(err, unix.ENOTSUP): // the filesystem has none
			return "", nil
		case err != nil:
			return "", err
		}
		return string(b[:n]), nil
	}
}
