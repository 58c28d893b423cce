package mark

import (
	"net/url"
	"path/filepath"
	"strings"
)

// LogFile is the name of the file with a container's output, in its directory.
const LogFile = "output.log"

// LogURI says where the output goes, with fairlead's files in dir. The shim writes a file by itself, but not from a terminal: there it
// wants a program, which gets the output on descriptor 3 and closes 5 when it is ready. nerdctl wants a URI with one pair of k=v.
func LogURI(dir string, tty bool) string {
	path := filepath.Join(dir, LogFile)
	if !tty {
		return (&url.URL{Scheme: "file", Path: path}).String()
	}
	script := "exec cat <&3 >>'" + strings.ReplaceAll(path, "'", `'\''`) + "' 3<&- 4<&- 5>&-"
	return (&url.URL{Scheme: "binary", Path: "/bin/sh", RawQuery: url.Values{"-c": {script}}.Encode()}).String()
}

// LogPath gives the file that a URI of LogURI or of nerdctl names, as the shim reads it; "" where it names none.
func LogPath(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" {
		return ""
	}
	return u.Path
}
