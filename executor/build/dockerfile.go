package build

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/go-archive/compression"

	"github.com/fairlead-dev/fairlead/executor/stream"
	"github.com/fairlead-dev/fairlead/spec"
)

// maxText bounds a Dockerfile and an ignore file, as BuildKit does.
const maxText = 16 << 20

// defaultName is the Dockerfile's name where none is set.
const defaultName = "Dockerfile"

// dockerfile is the text that a build follows.
type dockerfile struct {
	path   string     // for messages
	text   []byte     // nil: it is in a remote context, where only the builder sees it
	ignore *rulesFile // the ignore file that belongs to this Dockerfile alone; nil: it has none
}

// findDockerfile reads the Dockerfile from where BuildKit takes it: the block itself, a path, or the context.
func findDockerfile(b *spec.Build, main location) (*dockerfile, error) {
	name := cmp.Or(b.Dockerfile, defaultName)
	switch {
	case b.Inline != "":
		return &dockerfile{path: "inline Dockerfile", text: []byte(b.Inline)}, nil
	case filepath.IsAbs(name):
		return readDockerfile(name)
	case main.kind == isDir:
		return readDockerfile(filepath.Join(main.at, name))
	case main.kind == isTar:
		return readPackedDockerfile(main.at, name)
	case main.kind == isNothing:
		return nil, fmt.Errorf("dockerfile %s: there is no context to find it in. Set context, or inline", name)
	}
	return &dockerfile{path: name}, nil
}

// readDockerfile reads a file; Dockerfile may be written dockerfile as well.
func readDockerfile(at string) (*dockerfile, error) {
	text, err := readText(at)
	if errors.Is(err, fs.ErrNotExist) && filepath.Base(at) == defaultName {
		lower := filepath.Join(filepath.Dir(at), strings.ToLower(defaultName))
		if text, lowerErr := readText(lower); lowerErr == nil {
			return withIgnore(&dockerfile{path: lower, text: text}, at)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noDockerfile(at)
	}
	if err != nil {
		return nil, err
	}
	return withIgnore(&dockerfile{path: at, text: text}, at)
}

func withIgnore(f *dockerfile, at string) (*dockerfile, error) {
	own := at + ignoreName
	text, err := readText(own)
	if errors.Is(err, fs.ErrNotExist) {
		return f, deadLink(own)
	}
	if err != nil {
		return nil, err
	}
	f.ignore = &rulesFile{at: own, own: own, text: append([]byte{}, text...)}
	return f, nil
}

// noDockerfile names what may have been meant: a near name, or any other Dockerfile that is there.
func noDockerfile(at string) error {
	if err := deadLink(at); err != nil {
		return err
	}
	var near, others []string
	entries, _ := os.ReadDir(filepath.Dir(at)) // none where the directory is missing as well
	for _, e := range entries {
		lower := strings.ToLower(e.Name())
		if e.IsDir() || strings.HasSuffix(lower, ".dockerignore") {
			continue
		}
		near = append(near, e.Name())
		if strings.Contains(lower, "dockerfile") || strings.Contains(lower, "containerfile") {
			others = append(others, e.Name())
		}
	}
	hint := suggestion(filepath.Base(at), near)
	if hint == "" && len(others) > 0 {
		hint = fmt.Sprintf(" There is %s: set dockerfile.", strings.Join(others, ", "))
	}
	return fmt.Errorf("%s: there is no such Dockerfile.%s", at, cmp.Or(hint, " Write one there, or set dockerfile or inline."))
}

// deadLink fails where a file that can't be found is a link to nothing.
func deadLink(at string) error {
	to, err := os.Readlink(at)
	if err != nil {
		return nil // there is no link either
	}
	return leadsNowhere(at, to)
}

func leadsNowhere(at, to string) error {
	return fmt.Errorf("%s: it is a symbolic link to %s, where nothing is. Correct the link", at, shownPath(to))
}

// readText reads a file of bounded size.
func readText(at string) ([]byte, error) {
	info, err := os.Stat(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, stream.Unreadable(at, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: it is no file", at)
	}
	f, err := spec.OpenRegular(at)
	if err != nil {
		return nil, stream.Unreadable(at, err)
	}
	defer f.Close()
	return boundedText(at, f)
}

func boundedText(at string, r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err != nil {
		return nil, stream.Unreadable(at, err)
	}
	if len(text) > maxText {
		return nil, fmt.Errorf("%s: it has more than %d bytes, which BuildKit doesn't read", at, maxText)
	}
	return text, nil
}

// maxLinks is how many links in a tar file are followed, as the kernel follows them.
const maxLinks = 40

// readPackedDockerfile finds the Dockerfile in a tar file, where it may be a link. No ignore file is in force there: BuildKit unpacks all of it.
func readPackedDockerfile(at, name string) (*dockerfile, error) {
	wanted := []string{path.Clean(filepath.ToSlash(name))}
	if path.Base(wanted[0]) == defaultName {
		wanted = append(wanted, path.Join(path.Dir(wanted[0]), strings.ToLower(defaultName)))
	}
	next := wanted
	for range maxLinks {
		found, to, err := readPacked(at, next)
		switch {
		case err != nil || found != nil:
			return found, err
		case to == "" && next[0] != wanted[0]:
			return nil, leadsNowhere(at+":"+wanted[0], next[0])
		case to == "":
			return nil, fmt.Errorf("%s: there is no %s in it. Set dockerfile or inline", at, wanted[0])
		}
		next = []string{to}
	}
	return nil, fmt.Errorf("%s: %s in it is a link that leads to itself. Correct the link", at, wanted[0])
}

// readPacked reads a tar file for the first of some names that is there; for a link, it gives what that leads to.
func readPacked(at string, wanted []string) (found *dockerfile, to string, err error) {
	f, err := os.Open(at)
	if err != nil {
		return nil, "", stream.Unreadable(at, err)
	}
	defer f.Close()
	plain, err := compression.DecompressStream(f)
	if err != nil {
		return nil, "", fmt.Errorf("%s: it is no tar file: %w", at, err)
	}
	defer plain.Close()
	have := len(wanted) // index of what was found
	for r := tar.NewReader(plain); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return found, to, nil
		}
		if err != nil {
			return nil, "", fmt.Errorf("%s: it is no tar file, or a damaged one: %w", at, err)
		}
		member := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		i := slices.Index(wanted, member)
		if i < 0 || i > have {
			continue
		}
		switch h.Typeflag { // of two entries of one name, the later is what is unpacked
		case tar.TypeReg:
			label := at + ":" + member
			text, err := boundedText(label, r)
			if err != nil {
				return nil, "", err
			}
			found, to, have = &dockerfile{path: label, text: text}, "", i
		case tar.TypeSymlink, tar.TypeLink:
			found, to, have = nil, linkedTo(member, h), i
		}
	}
}

// linkedTo gives the name in the tar file that a link leads to: nothing leads out of it.
func linkedTo(member string, h *tar.Header) string {
	to := filepath.ToSlash(h.Linkname)
	if h.Typeflag == tar.TypeSymlink && !path.IsAbs(to) {
		to = path.Join("/", path.Dir(member), to)
	}
	return strings.TrimPrefix(path.Clean("/"+to), "/")
}
