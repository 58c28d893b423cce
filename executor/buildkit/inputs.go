package buildkit

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/upload/uploadprovider"
	"github.com/moby/buildkit/util/staticfs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"

	"github.com/fairlead-dev/fairlead/spec"
)

// imageStore is the name of containerd's content store in a session.
const imageStore = "fairlead"

// inputs are what a build reads on this side, and the frontend's options that name it.
type inputs struct {
	attrs  map[string]string
	mounts map[string]fsutil.FS
	stores map[string]content.Store
	attach []session.Attachable
	open   []*os.File
}

func (in *inputs) close() {
	for _, f := range in.open {
		_ = f.Close() // what was sent has been closed already
	}
}

func inputsOf(r Request, store content.Store) (*inputs, error) {
	in := &inputs{attrs: map[string]string{}, mounts: map[string]fsutil.FS{}, stores: map[string]content.Store{imageStore: store}}
	remote, err := in.context(r.Build.Context)
	if err == nil {
		err = in.dockerfile(r.Build, remote)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Build.Contexts)) {
		if err == nil {
			err = in.named(name, r.Build.Contexts[name], r.Images)
		}
	}
	if err != nil {
		in.close()
		return nil, err
	}
	for name, image := range r.Images {
		in.attrs["context:"+contextName(name)] = layoutContext(imageStore, image.Digest)
	}
	return in, nil
}

// context adds the main context; remote tells that a Dockerfile in it is out of sight here.
func (in *inputs) context(path string) (remote bool, err error) {
	switch {
	case path == "":
		in.mounts[dockerui.DefaultLocalNameContext] = staticfs.NewFS()
		return false, nil
	case isURL(path):
		in.attrs["context"] = path
		return true, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return false, unreadable("build context", path, err)
	}
	if info.IsDir() {
		in.mounts[dockerui.DefaultLocalNameContext], err = fsutil.NewFS(path)
		return false, err
	}
	f, err := os.Open(path)
	if err != nil {
		return false, unreadable("build context", path, err)
	}
	in.open = append(in.open, f)
	up := uploadprovider.New()
	in.attrs["context"] = up.Add(f)
	in.attach = append(in.attach, up)
	return true, nil
}

// dockerfile adds the Dockerfile: as written, from beside where it is, or as the name of a file in a remote context.
func (in *inputs) dockerfile(b *spec.Build, remote bool) error {
	const key = dockerui.DefaultLocalNameDockerfile
	if b.Inline != "" {
		files := staticfs.NewFS()
		files.Add(dockerui.DefaultDockerfileName, &types.Stat{}, []byte(b.Inline))
		in.mounts[key], in.attrs["dockerfilekey"] = files, key
		return nil
	}
	path := b.Dockerfile
	if path == "" {
		path = dockerui.DefaultDockerfileName
	}
	if remote && !filepath.IsAbs(path) {
		in.attrs["filename"] = filepath.ToSlash(path)
		return nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(b.Context, path)
	}
	if _, err := os.Stat(path); err != nil {
		lower := filepath.Join(filepath.Dir(path), strings.ToLower(dockerui.DefaultDockerfileName)) // as BuildKit has it
		if _, also := os.Stat(lower); also != nil || filepath.Base(path) != dockerui.DefaultDockerfileName {
			return unreadable("Dockerfile", path, err)
		}
	}
	dir, err := fsutil.NewFS(filepath.Dir(path))
	if err != nil {
		return unreadable("Dockerfile", path, err)
	}
	in.mounts[key], in.attrs["dockerfilekey"], in.attrs["filename"] = dir, key, filepath.Base(path)
	return nil
}

// named adds one more context. Those that are image blocks come with the images.
func (in *inputs) named(name string, c spec.BuildContext, images map[string]ocispec.Descriptor) error {
	key := "context:" + contextName(name)
	switch {
	case c.Dir != "":
		if info, err := os.Stat(c.Dir); err != nil {
			return unreadable("context "+name, c.Dir, err)
		} else if !info.IsDir() {
			return fmt.Errorf("context %s: %s is no directory", name, c.Dir)
		}
		dir, err := fsutil.NewFS(c.Dir)
		if err != nil {
			return unreadable("context "+name, c.Dir, err)
		}
		in.mounts["named:"+name], in.attrs[key] = dir, "local:named:"+name
	case c.Layout != "":
		dir, d, err := layoutImage(c.Layout)
		if err != nil {
			return fmt.Errorf("context %s: %w", name, err)
		}
		store, err := contentlocal.NewStore(dir)
		if err != nil {
			return fmt.Errorf("context %s: %w", name, err)
		}
		id := fmt.Sprintf("layout%d", len(in.stores))
		in.stores[id], in.attrs[key] = store, layoutContext(id, d)
	case c.Ref != "":
		in.attrs[key] = "docker-image://" + c.Ref
	case c.URL != "":
		in.attrs[key] = c.URL
	default:
		if _, ok := images[name]; !ok {
			return fmt.Errorf("context %s: %s is not built or pulled yet", name, c.Image)
		}
	}
	return nil
}

// contextName is the name as the frontend looks it up: without what a reference has by default.
func contextName(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return strings.TrimSuffix(reference.FamiliarString(named), ":latest")
}

func layoutContext(store string, d digest.Digest) string {
	return "oci-layout://" + store + "@" + d.String()
}

// isURL tells a git repository or a file on a server from a path, which is absolute.
func isURL(context string) bool { return !filepath.IsAbs(context) }

func unreadable(what, path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s %s: there is no such file or directory", what, path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s %s: it may not be read: run fairlead as root, or change its mode", what, path)
	}
	return fmt.Errorf("%s %s: %w", what, path, err)
}
