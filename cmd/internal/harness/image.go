package harness

import (
	"archive/tar"
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// ImageOptions say what a test image is made of.
type ImageOptions struct {
	Version  string            // in the file /version and in the environment
	Pad      int               // bytes more in the layer of this version
	Platform string            // os/arch[/variant]; the host's own if empty
	Files    map[string]string // path → content
	Labels   map[string]string // of its config, besides version
	Config   []byte            // JSON of what else the image's config says of its containers: {"Env": […], …}
}

// Probes builds the programs that test images hold, once.
type Probes struct {
	Top  string // the checkout
	Dir  string // for what is built
	once sync.Once
	base v1.Layer
	err  error
}

// Image makes an image of the probe, busybox as /bin/sh, and what o says. Equal options make equal digests.
func (p *Probes) Image(o ImageOptions) (v1.Image, error) {
	p.once.Do(p.build)
	if p.err != nil {
		return nil, p.err
	}
	files := map[string][]byte{"version": []byte(o.Version + "\n")}
	if o.Pad > 0 {
		files["pad"] = pad(o.Version, o.Pad)
	}
	for path, text := range o.Files {
		files[strings.TrimPrefix(path, "/")] = []byte(text)
	}
	top, err := layer(files, 0o644)
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(empty.Image, p.base, top)
	if err != nil {
		return nil, err
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	cfg = cfg.DeepCopy()
	parts := strings.Split(cmp.Or(o.Platform, "linux/amd64")+"/", "/")
	cfg.OS, cfg.Architecture, cfg.Variant = parts[0], parts[1], parts[2]
	cfg.Created = v1.Time{Time: time.Unix(0, 0).UTC()}
	cfg.Config.Cmd = []string{"/probe"}
	cfg.Config.Env = []string{"PATH=/bin:/", "VERSION=" + o.Version}
	cfg.Config.Labels = map[string]string{"version": o.Version}
	maps.Copy(cfg.Config.Labels, o.Labels)
	if o.Config != nil {
		if err := json.Unmarshal(o.Config, &cfg.Config); err != nil {
			return nil, err
		}
	}
	return mutate.ConfigFile(img, cfg)
}

// pad gives n bytes that do not compress well and depend on seed alone.
func pad(seed string, n int) []byte {
	b := make([]byte, n)
	x := uint32(2463534242)
	for _, c := range seed {
		x = x*31 + uint32(c)
	}
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

func (p *Probes) build() {
	probe := filepath.Join(p.Dir, "probe")
	if p.err = compile(p.Top, "probe", probe); p.err != nil {
		return
	}
	files := map[string][]byte{
		"etc/passwd": []byte("root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"),
		"etc/group":  []byte("root:x:0:\naudio:x:29:\nnogroup:x:65534:\napp:x:1000:\n"),
	}
	for path, from := range map[string]string{"probe": probe, "bin/busybox": "/bin/busybox", "bin/sh": "/bin/busybox"} {
		b, err := os.ReadFile(from)
		if err != nil {
			p.err = err
			return
		}
		files[path] = b
	}
	p.base, p.err = layer(files, 0o755)
}

// layer packs files as a layer, the same bytes for the same files.
func layer(files map[string][]byte, mode int64) (v1.Layer, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, dir := range []string{"bin/", "etc/", "tmp/", "proc/", "sys/", "dev/", "run/"} {
		if err := w.WriteHeader(&tar.Header{Name: dir, Mode: 0o755, Typeflag: tar.TypeDir}); err != nil {
			return nil, err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: path, Mode: mode, Size: int64(len(files[path])), Typeflag: tar.TypeReg}); err != nil {
			return nil, err
		}
		if _, err := w.Write(files[path]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil },
		tarball.WithCompressedCaching) // the race detector makes compression slow, and the base is in every image
}

// The kinds of archive that Write writes.
const (
	DockerArchive = "docker"
	OCIArchive    = "oci"
	OCILayout     = "layout"
)

// Write puts the image at path, named ref.
func Write(path, ref, kind string, img v1.Image) error {
	if kind == DockerArchive {
		tag, err := name.NewTag(ref)
		if err != nil {
			return err
		}
		return tarball.WriteToFile(path, tag, img)
	}
	dir := path
	if kind == OCIArchive {
		dir = path + ".layout"
		defer os.RemoveAll(dir)
	}
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	marks := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": ref, "io.containerd.image.name": ref})
	if err := l.AppendImage(img, marks); err != nil {
		return err
	}
	if kind == OCILayout {
		return nil
	}
	return pack(path, dir)
}

// pack writes the files under dir as a tar archive.
func pack(path, dir string) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	w := tar.NewWriter(out)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return out.Close()
}
