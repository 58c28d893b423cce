package build

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// name is one name in a directory.
type name struct {
	text string
	kind uint8 // DT_REG, DT_DIR …; DT_UNKNOWN where the file system doesn't say
}

// Where the fields of linux_dirent64 begin, which getdents64(2) describes.
const (
	direntLength = 16
	direntKind   = 18
	direntName   = 19
)

// readNames reads all names of an open directory.
func (w *worker) readNames(fd int) ([]name, error) {
	var out []name
	for {
		n, err := unix.Getdents(fd, w.listing)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return out, err
		}
		for rest := w.listing[:n]; len(rest) > direntName; {
			length := binary.NativeEndian.Uint16(rest[direntLength:])
			text, _, _ := bytes.Cut(rest[direntName:length], []byte{0})
			if s := string(text); s != "." && s != ".." {
				out = append(out, name{s, rest[direntKind]})
			}
			rest = rest[length:]
		}
	}
}
