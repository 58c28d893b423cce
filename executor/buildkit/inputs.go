package buildkit

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/fairlead-dev/fairlead/spec"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/upload/uploadprovider"
	"github.com/moby/buildkit/util/staticfs"
	"github.com/opencontainers/go-digest"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
)

// imageStore is the name of containerd's content store in a session.
const imageStore = "fairlead"

// inputs are what a build reads on this side, and the frontend's options that name it.
type inputs struct {
	attrs  map[string]string
	mounts map[string]fsutil.FS
	stores map[string]content.Store
	attach []session.Attachable
	open   []io.Closer
}

func (in *inputs) close() {
	for _, f := range in.open {
		_ = f.Close() // what was sent has been closed already
	}
}

func inputsOf(r Request, store content.Store) (*inputs, error) {
	in := &inputs{attrs: map[string]string{}, mounts: map[string]fsutil.FS{}, stores: map[string]content.Store{imageStore: store}}
	err := in.addMainContext(r)
	in.addDockerfile(r)
	for _, name := range slices.Sorted(maps.Keys(r.Local.Contexts)) {
		if err == nil {
			err = in.addNamedContext(name, r)
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

// addMainContext adds the main context.
func (in *inputs) addMainContext(r Request) error {
	const key = dockerui.DefaultLocalNameContext
	dir, ok := r.Local.Dirs[""]
	switch {
	case ok:
		in.mounts[key] = dir
	case r.Local.Tar != nil:
		f, err := r.Local.Tar.Open()
		if err != nil {
			return err
		}
		in.open = append(in.open, f)
		up := uploadprovider.New()
		in.attrs["context"] = up.Add(f)
		in.attach = append(in.attach, up)
	case r.Build.Context == "":
		in.mounts[key] = staticfs.NewFS()
	default:
		in.attrs["context"] = r.Build.Context
	}
	return nil
}

// addDockerfile adds the Dockerfile and its ignore file, as they were read; or the name of a file in a remote context.
func (in *inputs) addDockerfile(r Request) {
	const key = dockerui.DefaultLocalNameDockerfile
	l := r.Local
	if l.Text == nil {
		in.attrs["filename"] = filepath.ToSlash(cmp.Or(r.Build.Dockerfile, dockerui.DefaultDockerfileName))
		return
	}
	files := staticfs.NewFS()
	files.Add(l.Dockerfile, &types.Stat{}, l.Text)
	if l.Ignore != nil {
		files.Add(l.Dockerfile+".dockerignore", &types.Stat{}, l.Ignore)
	}
	in.mounts[key], in.attrs["dockerfilekey"], in.attrs["filename"] = files, key, l.Dockerfile
}

// addNamedContext adds one more context. Those that are image blocks come with the images.
func (in *inputs) addNamedContext(name string, r Request) error {
	key, c := "context:"+contextName(name), r.Local.Contexts[name]
	switch {
	case c.Dir != "":
		in.mounts["named:"+name], in.attrs[key] = r.Local.Dirs[name], "local:named:"+name
	case c.Layout != "":
		layout := r.Local.Layouts[name]
		store, err := contentlocal.NewStore(layout.Dir)
		if err != nil {
			return fmt.Errorf("context %s: %w", name, err)
		}
		id := fmt.Sprintf("layout%d", len(in.stores))
		in.stores[id], in.attrs[key] = store, layoutContext(id, layout.Digest)
	case c.Ref != "":
		in.attrs[key] = "docker-image://" + c.Ref
	case c.URL != "":
		in.attrs[key] = c.URL
	default:
		if _, ok := r.Images[name]; !ok {
			return fmt.Errorf("context %s: %s is not built or pulled yet", name, c.Image)
		}
	}
	return nil
}

// contextName is the name as the frontend looks it up.
func contextName(name string) string {
	if familiar, ok := spec.FamiliarName(name); ok {
		return familiar
	}
	return name
}

func layoutContext(store string, d digest.Digest) string {
	return "oci-layout://" + store + "@" + d.String()
}
