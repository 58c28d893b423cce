package rootfs

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/fairlead-dev/fairlead/executor/stream"
)

// tarFiles is what is said of tar files that can't be read to their end.
var tarFiles = stream.Kind{NotOne: notTar, Remedy: "Copy it again or make it anew"}

func notTar(name string) error {
	return fmt.Errorf("%s: it is no tar file, plain or compressed with gzip, zstd, xz or bzip2. `tar -C DIR -czf FILE .` makes one, and a directory will do as well", name)
}

func emptySource(name string) error {
	return fmt.Errorf("%s: it is empty: there is no root filesystem in it. Make it anew, or correct the path", name)
}

func changedMeanwhile(name string) error {
	return fmt.Errorf("%s: it changed while it was read. Try again when nothing writes to it", name)
}

func unreadable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: there is no such file or directory. Put it there, or correct the path", path)
	}
	return stream.Unreadable(path, err)
}
