package ctrd

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// settledTail gives the last lines of a log whose writer has just ended: what it wrote may still be on its way through the shim.
func settledTail(path string) []string {
	last := tail(path, logLines)
	for still, tries := 0, 0; still < 8 && tries < 40; tries++ {
		time.Sleep(50 * time.Millisecond)
		now := tail(path, logLines)
		if still++; len(now) == 0 || !slices.Equal(now, last) {
			still = 0
		}
		last = now
	}
	return last
}

// tail gives the last lines of a log.
func tail(path string, lines int) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	const most = 64 << 10
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-most), io.SeekStart)
	}
	b, err := io.ReadAll(io.LimitReader(f, most))
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
