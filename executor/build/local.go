package build

import (
	"context"
	"crypto/sha256"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/tonistiigi/fsutil"

	"github.com/fairlead-dev/fairlead/executor/stream"
	"github.com/fairlead-dev/fairlead/spec"
)

// Local is what the builder gets from this side. It is what was hashed: the builder's client reads nothing but these.
type Local struct {
	Dockerfile string                       // name of the Dockerfile, as messages of the builder say it
	Text       []byte                       // of the Dockerfile; nil: the builder reads it in a remote context
	Ignore     []byte                       // of the ignore file that is in force in the main context; nil: there is none
	Tar        *File                        // main context; nil: it is no tar file
	Contexts   map[string]spec.BuildContext // named contexts that the Dockerfile uses
	Dirs       map[string]*Directory        // those of them that are directories; "" is the main context
	Layouts    map[string]Layout            // those of them that are OCI layouts
	Secrets    map[string]Secret            // by ID
}

// Secret is a secret's value, as it was hashed.
type Secret struct {
	Value []byte
	Sum   string // a keyed hash of Value: a RUN that mounts the secret is taken from the cache only if it ran with this one
}

// Layout is an image in an OCI layout.
type Layout struct {
	Dir    string
	Digest digest.Digest
}

// File is a file as it was hashed.
type File struct {
	path   string
	digest string
	failed failure
}

// Open gives the file's content. Reading it to its end fails if it isn't what was hashed.
func (f *File) Open() (io.ReadCloser, error) {
	r, err := os.Open(f.path)
	if err != nil {
		return nil, stream.Unreadable(f.path, err)
	}
	return &checkedReader{file: r, name: f.path, want: f.digest, sum: sha256.New(), failed: &f.failed}, nil
}

// Err says why the builder wasn't given what was hashed; nil: it was.
func (l *Local) Err() error {
	all := []*failure{}
	if l.Tar != nil {
		all = append(all, &l.Tar.failed)
	}
	for _, d := range l.Dirs {
		all = append(all, &d.failed)
	}
	for _, f := range all {
		if err := f.first.Load(); err != nil {
			return *err
		}
	}
	return nil
}

// Prepare looks at all files of the directories once more before they are sent, and gives the key under which the builder keeps what it is sent
// of them. It fails if one isn't what was hashed.
func (l *Local) Prepare(ctx context.Context, cacheDir string) (key string, err error) {
	for _, d := range l.Dirs {
		if err := d.prepare(ctx); err != nil {
			return "", err
		}
	}
	return l.uploadKey(cacheDir), nil
}

var _ fsutil.FS = (*Directory)(nil)

// uploadsFile is where is kept what was sent of just these directories.
func (l *Local) uploadsFile(cacheDir string) string {
	id := ""
	for _, name := range slices.Sorted(maps.Keys(l.Dirs)) {
		id += name + "\x00" + l.Dirs[name].root + "\x00"
	}
	return filepath.Join(cacheDir, "sent-"+digestOf([]byte(id))[len("sha256:"):])
}

// noteDockerfile notes the Dockerfile, where it isn't in a remote context, and the ignore file that is in force.
func (l *Local) noteDockerfile(b *spec.Build, file *dockerfile) {
	if l.Text = file.text; b.Inline == "" {
		l.Dockerfile = path.Base(file.path)
	}
	if main := l.Dirs[""]; main != nil {
		l.Ignore = main.ignore
	}
}
