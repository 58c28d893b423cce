package machine

import (
	"bytes"
	"io"
	"os"
	"strings"
)

// maxTail bounds what is read of a file's end, in bytes.
const maxTail = 64 << 10

// Tail gives the last lines of a file, as text; none where it can't be read.
func Tail(path string, lines int) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-maxTail), io.SeekStart)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxTail))
	if err != nil {
		return nil
	}
	b = bytes.TrimRight(b, "\r\n")
	if len(b) == 0 {
		return nil
	}
	all := strings.Split(strings.ToValidUTF8(string(b), "\uFFFD"), "\n")
	for i := range all {
		all[i] = strings.TrimRight(all[i], "\r")
	}
	return all[max(0, len(all)-lines):]
}
