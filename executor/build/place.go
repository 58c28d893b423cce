package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// placeKind is what a context is.
type placeKind int

const (
	isNothing placeKind = iota
	isDir
	isTar
	isGit
	isHTTP
)

// mainContext is the name of the context itself, which BuildKit gives to no named one.
const mainContext = "context"

// place is where a context is.
type place struct {
	kind placeKind
	at   string // absolute path, or URL
	git  *dfgitutil.GitRef
}

// locate tells what a context is. what names it in errors.
func locate(what, at string) (place, error) {
	if at == "" {
		return place{}, nil
	}
	if filepath.IsAbs(at) {
		return locatePath(what, at)
	}
	ref, isGitRef, err := dfgitutil.ParseGitRef(at)
	switch {
	case isGitRef && err != nil:
		return place{}, fmt.Errorf("%s %s: %w", what, spec.Shown(at), err)
	case isGitRef:
		return place{kind: isGit, at: at, git: ref}, nil
	case strings.HasPrefix(at, "http://"), strings.HasPrefix(at, "https://"):
		return place{kind: isHTTP, at: at}, nil
	}
	return place{}, fmt.Errorf("%s %s: it is neither a path nor a URL that BuildKit fetches: git, https or http", what, spec.Shown(at))
}

func locatePath(what, at string) (place, error) {
	info, err := os.Stat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return place{}, fmt.Errorf("%s %s: there is no such directory.%s", what, at, didYouMean(filepath.Base(at), siblings(at)))
	case err != nil:
		return place{}, fmt.Errorf("%s %w", what, unreadable(at, err))
	case info.IsDir():
		return place{kind: isDir, at: at}, nil
	case info.Mode().IsRegular():
		return place{kind: isTar, at: at}, nil
	}
	return place{}, fmt.Errorf("%s %s: it is neither a directory nor a tar file", what, at)
}

func siblings(at string) []string {
	entries, _ := os.ReadDir(filepath.Dir(at)) // none where the parent is missing as well
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// inputs are what is in a context: each file of a directory, else one for all. name is "" for the main context; ignore is the
// path of the file with its rules, "" for the context's own.
func (p place) inputs(ctx context.Context, name, ignore, cacheDir string) (planner.Inputs, error) {
	whole, prefix := mainContext, ""
	if name != "" {
		whole, prefix = name, name+":"
	}
	var value string
	var err error
	switch p.kind {
	case isNothing:
		return nil, nil
	case isDir:
		return readTree(ctx, p.at, ignore, prefix, cacheDir)
	case isTar:
		value, err = fileDigest(ctx, p.at, cacheDir)
	case isGit:
		value, err = gitState(ctx, p.at, p.git)
	case isHTTP:
		value, err = httpState(ctx, p.at)
	}
	if err != nil {
		return nil, err
	}
	return planner.Inputs{{Kind: planner.InputContext, Name: whole, Value: value}}, nil
}

// contextInputs are what the named contexts hold that the Dockerfile uses. A reference to an image becomes a base.
func (u *uses) contextInputs(ctx context.Context, b *spec.Build, o Options) (planner.Inputs, error) {
	var out planner.Inputs
	for _, key := range slices.Sorted(maps.Keys(u.contexts)) {
		in, err := u.contextInput(ctx, key, b.Contexts[key], o)
		if err != nil {
			return nil, fmt.Errorf("contexts[%q] %w", key, err)
		}
		out = append(out, in...)
	}
	return out, nil
}

func (u *uses) contextInput(ctx context.Context, key string, c spec.BuildContext, o Options) (planner.Inputs, error) {
	one := func(value string) planner.Inputs {
		return planner.Inputs{{Kind: planner.InputContext, Name: key, Value: value}}
	}
	switch {
	case c.Dir != "":
		p, err := locate("directory", c.Dir)
		if err == nil && p.kind != isDir {
			err = fmt.Errorf("directory %s: it is no directory", c.Dir)
		}
		if err != nil {
			return nil, err
		}
		return p.inputs(ctx, key, "", o.CacheDir)
	case c.URL != "":
		p, err := locate("url", c.URL)
		if err != nil {
			return nil, err
		}
		return p.inputs(ctx, key, "", o.CacheDir)
	case c.Layout != "":
		value, err := layoutState(c.Layout)
		return one(value), err
	case c.Ref != "":
		return one(c.Ref), nil
	}
	return one(c.Image.String()), nil
}

// layoutState is the digest that a tag stands for in an OCI layout, given as PATH:TAG or PATH@DIGEST.
func layoutState(layout string) (string, error) {
	if _, digest, ok := strings.Cut(layout, "@"); ok {
		return digest, nil
	}
	dir, tag := layout, "latest"
	if i := strings.LastIndex(layout, ":"); i > strings.LastIndex(layout, "/") {
		dir, tag = layout[:i], layout[i+1:]
	}
	at := filepath.Join(dir, ocispec.ImageIndexFile)
	text, err := readText(at)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("oci layout %s: there is no %s in it", dir, ocispec.ImageIndexFile)
	}
	if err != nil {
		return "", err
	}
	var index ocispec.Index
	if err := json.Unmarshal(text, &index); err != nil {
		return "", fmt.Errorf("%s: it is no valid JSON: %w", at, err)
	}
	var tags []string
	for _, m := range index.Manifests {
		name := m.Annotations[ocispec.AnnotationRefName]
		if name == tag {
			return m.Digest.String(), nil
		}
		tags = append(tags, name)
	}
	return "", fmt.Errorf("oci layout %s: there is no tag %q in it.%s", dir, tag, didYouMean(tag, tags))
}
