package build

import (
	"archive/tar"
	"context"
	"fmt"
	"os"

	"github.com/moby/go-archive/compression"

	"github.com/fairlead-dev/fairlead/executor/stream"
	"github.com/fairlead-dev/fairlead/spec"
)

// unpackable fails for a tar file, compressed or not, with a name in it that no image can have. What is none, or is damaged, is left to the builder:
// ADD copies it as it is, or says what is wrong.
func unpackable(ctx context.Context, at string) error {
	f, err := os.Open(at)
	if err != nil {
		return stream.Unreadable(at, err)
	}
	defer f.Close()
	plain, err := compression.DecompressStream(f)
	if err != nil {
		return nil
	}
	defer plain.Close()
	for r := tar.NewReader(plain); ; {
		h, err := r.Next()
		if err != nil {
			return ctx.Err()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if spec.InWhiteout(h.Name) {
			return fmt.Errorf("%s: ADD unpacks it, and the name of %s in it begins with %s, by which image layers mark what is removed, so it would be gone in the image. Make the file anew without it", shownPath(at), shownPath(h.Name), spec.WhiteoutPrefix)
		}
	}
}
