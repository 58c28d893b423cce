package rootfs

import (
	"archive/tar"
	"fmt"
	"strings"

	"github.com/fairlead-dev/fairlead/spec"
)

// typesOfLayers are the entries of a tar that containerd unpacks.
const typesOfLayers = string(tar.TypeReg) + "\x00" + string(tar.TypeLink) + string(tar.TypeSymlink) + string(tar.TypeChar) + string(tar.TypeBlock) +
	string(tar.TypeDir) + string(tar.TypeFifo) + string(tar.TypeXGlobalHeader)

// checkName refuses a name that would be gone in an image, and what is below it.
func checkName(source, name string) error {
	if spec.InWhiteout(name) {
		return fmt.Errorf("%s: %q in it has a name by which image layers mark what is removed. Rename it, or take it away", source, name)
	}
	return nil
}

// checkEntry refuses an entry that would be gone in an image, or that containerd can't unpack.
func checkEntry(source string, h *tar.Header) error {
	if err := checkName(source, h.Name); err != nil {
		return err
	}
	switch {
	case !strings.ContainsRune(typesOfLayers, rune(h.Typeflag)):
		return fmt.Errorf("%s: %q in it is an entry of type %q, which an image can't have. Make the file anew, as with: tar --format=pax", source, h.Name, h.Typeflag)
	case h.Typeflag == tar.TypeLink:
		return checkName(source, h.Linkname)
	case h.Typeflag == tar.TypeChar && h.Devmajor == 0 && h.Devminor == 0:
		return whiteoutDevice(source, h.Name)
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, paxXattr+"trusted.overlay.") {
			return fmt.Errorf("%s: %q in it has an extended attribute of overlayfs, by which it could be gone in an image. Make the file anew, without trusted.overlay.*", source, h.Name)
		}
	}
	return nil
}

func whiteoutDevice(source, name string) error {
	return fmt.Errorf("%s: %q in it is the device 0:0, by which overlayfs marks what is removed. Take it away", source, name)
}
