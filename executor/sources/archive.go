package sources

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"

	"github.com/fairlead-dev/fairlead/executor/archive"
	"github.com/fairlead-dev/fairlead/executor/manifest"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// archive reads an archive; nil where what the image's record names is known to be of the file as it is now.
func (r *reader) archive(ctx context.Context, im *spec.Image) *planner.Source {
	print, err := archive.Fingerprint(im.Load)
	if err != nil {
		return failed(err)
	}
	if r.isLoaded(im, print) {
		return nil
	}
	a, err := archive.Open(ctx, im.Load)
	if err != nil {
		return failed(err)
	}
	src := &planner.Source{Fingerprint: print, Names: a.Names()}
	found, err := a.Select(im.Name)
	if err != nil {
		src.Err = err.Error()
		return src
	}
	r.archiveMemo(im).remember(a.Fingerprint, found.Digest)
	src.Digest, src.Platforms, src.Contents = found.Digest, found.Platforms, map[string][]string{"": a.Contents(found)}
	src.Configs = manifest.ContainerDefaults(ctx, a, found.Target)
	if found.Missing != "" {
		there, err := r.host.HasContent(ctx, found.Missing)
		if err != nil {
			return failed(err)
		}
		if !there {
			src.Missing = found.Missing
		}
	}
	return src
}

// isLoaded tells whether what an image's record names is known to be of its archive, whose fingerprint is print now: the record says that it was
// loaded from it, or the archive was read since and has the same.
func (r *reader) isLoaded(im *spec.Image, print string) bool {
	rec := r.images[im.Name]
	if rec == nil || rec.Owner == nil {
		return false
	}
	return rec.Source == print || r.archiveMemo(im).says(print, rec.Digest)
}

// memo is a file that has the fingerprint of an archive when it was last read, and the digest of one image in it. What is lost is read again.
type memo string

func (r *reader) archiveMemo(im *spec.Image) memo {
	return memo(filepath.Join(r.o.CacheDir, "archive-"+digest.FromString(im.Load+"\x00"+im.Name).Encoded()))
}

func (m memo) says(print, dgst string) bool {
	text, err := os.ReadFile(string(m))
	return err == nil && string(text) == print+" "+dgst+"\n"
}

func (m memo) remember(print, dgst string) {
	if m.says(print, dgst) || os.MkdirAll(filepath.Dir(string(m)), 0o700) != nil {
		return
	}
	_ = spec.ReplaceFile(string(m), 0o600, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s %s\n", print, dgst)
		return err
	})
}
