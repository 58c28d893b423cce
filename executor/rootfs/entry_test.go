package rootfs

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairlead-dev/fairlead/spec"
)

// TestNoEntryIsLost: what would be gone in an image, or fails when it is unpacked, is said when the plan reads the tar, with the entry.
func TestNoEntryIsLost(t *testing.T) {
	for _, c := range []struct {
		name   string
		header tar.Header
		want   string // "": it is fine
	}{
		{"mark", tar.Header{Name: "etc/.wh.note"}, `"etc/.wh.note" in it has a name`},
		{"mark of nothing", tar.Header{Name: "./etc/.wh."}, `.wh." in it has a name`},
		{"opaque", tar.Header{Name: "a/.wh..wh..opq"}, `"a/.wh..wh..opq" in it has a name`},
		{"directory", tar.Header{Name: ".wh.d/", Typeflag: tar.TypeDir, Mode: 0o755}, `".wh.d/" in it has a name`},
		{"below it", tar.Header{Name: ".wh.d/file"}, `".wh.d/file" in it has a name`},
		{"link to it", tar.Header{Name: "l", Typeflag: tar.TypeLink, Linkname: "etc/.wh.note"}, `"etc/.wh.note" in it has a name`},
		{"cleaned to it", tar.Header{Name: "a/./.wh.x/."}, "in it has a name"},
		{"symbolic link to it", tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: ".wh.x"}, ""},
		{"nearly it", tar.Header{Name: ".wh/x.wh.y"}, ""},
		{"absolute", tar.Header{Name: "/etc/x"}, ""},
		{"upwards", tar.Header{Name: "../../etc/x"}, ""},
		{"no UTF-8", tar.Header{Name: "etc/\xff\xe9"}, ""},
		{"newline", tar.Header{Name: "etc/a\n.wh.b"}, ""},
		{"newline in a mark", tar.Header{Name: "etc/.wh.a\nb"}, `"etc/.wh.a\nb" in it has a name`},
		{"device", tar.Header{Name: "dev/null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}, ""},
		{"device of overlayfs", tar.Header{Name: "dev/x", Typeflag: tar.TypeChar}, `"dev/x" in it is the device 0:0`},
		{"attribute of overlayfs", tar.Header{Name: "d/", Typeflag: tar.TypeDir, Mode: 0o755, PAXRecords: map[string]string{"SCHILY.xattr.trusted.overlay.opaque": "y"}}, `"d/" in it has an extended attribute`},
		{"other attribute", tar.Header{Name: "f", PAXRecords: map[string]string{"SCHILY.xattr.user.x": "y"}}, ""},
		{"type", tar.Header{Name: "f", Typeflag: tar.TypeCont}, `"f" in it is an entry of type '7'`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			check(t, w.WriteHeader(&tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755}))
			if c.header.Mode == 0 {
				c.header.Mode = 0o644
			}
			check(t, w.WriteHeader(&c.header))
			check(t, w.WriteHeader(&c.header)) // twice: the last one counts
			check(t, w.Close())
			for _, kind := range []string{"plain", "gzip", "zstd", "xz", "bzip2"} {
				if kind != "plain" && kind != "gzip" && c.name != "mark" && c.name != "absolute" {
					continue
				}
				file := filepath.Join(t.TempDir(), "root.tar")
				text := b.Bytes()
				if kind != "plain" {
					text = through(t, text, kind)
				}
				check(t, os.WriteFile(file, text, 0o600))
				_, err := Inputs(context.Background(), &spec.Rootfs{Path: file}, Options{Platform: "linux/amd64"})
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), file+": ") || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("%s: %v; want %q", kind, err, c.want)
				}
			}
		})
	}
}
