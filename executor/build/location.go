package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
	"github.com/opencontainers/go-digest"

	"github.com/fairlead-dev/fairlead/executor/stream"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// locationKind is what lies at a context's location.
type locationKind int

const (
	isNothing locationKind = iota
	isDir
	isTar
	isGit
	isHTTP
)

// mainContext is the name of the context itself, which BuildKit gives to no named one.
const mainContext = "context"

// location is where a context is.
type location struct {
	kind locationKind
	at   string // absolute path, or URL
	git  *dfgitutil.GitRef
}

// locate tells what a context is. what names it in errors.
func locate(what, at string) (location, error) {
	if at == "" {
		return location{}, nil
	}
	if filepath.IsAbs(at) {
		return locatePath(what, at)
	}
	ref, isGitRef, err := dfgitutil.ParseGitRef(at)
	switch {
	case isGitRef && err != nil:
		return location{}, fmt.Errorf("%s %s: %w", what, spec.Shown(at), err)
	case isGitRef:
		return location{kind: isGit, at: at, git: ref}, nil
	case strings.HasPrefix(at, "http://"), strings.HasPrefix(at, "https://"):
		return location{kind: isHTTP, at: at}, nil
	}
	return location{}, fmt.Errorf("%s %s: it is neither a path nor a URL that BuildKit fetches: git, https or http", what, spec.Shown(at))
}

func locatePath(what, at string) (location, error) {
	info, err := os.Stat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return location{}, fmt.Errorf("%s %s: there is no such directory.%s", what, at, suggestion(filepath.Base(at), siblings(at)))
	case err != nil:
		return location{}, fmt.Errorf("%s %w", what, stream.Unreadable(at, err))
	case info.IsDir():
		return location{kind: isDir, at: at}, nil
	case info.Mode().IsRegular():
		return location{kind: isTar, at: at}, nil
	}
	return location{}, fmt.Errorf("%s %s: it is neither a directory nor a tar file", what, at)
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
// Dockerfile's own ignore file, nil for the context's.
func (p location) inputs(ctx context.Context, name string, ignore *rulesFile, taken *pathSet, o Options, local *Local) (planner.Inputs, error) {
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
		dir, in, err := readTree(ctx, p.at, ignore, taken, prefix, o)
		local.Dirs[name] = dir
		return in, err
	case isTar:
		value, err = fileDigest(ctx, p.at, o)
		local.Tar = &File{path: p.at, digest: value}
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
func (u *uses) contextInputs(ctx context.Context, b *spec.Build, o Options, local *Local) (planner.Inputs, error) {
	var out planner.Inputs
	for _, key := range slices.Sorted(maps.Keys(u.contexts)) {
		local.Contexts[key] = b.Contexts[key]
		in, err := u.contextInput(ctx, key, b.Contexts[key], o, local)
		if err != nil {
			return nil, fmt.Errorf("contexts[%q] %w", key, err)
		}
		out = append(out, in...)
	}
	return out, nil
}

func (u *uses) contextInput(ctx context.Context, key string, c spec.BuildContext, o Options, local *Local) (planner.Inputs, error) {
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
		return p.inputs(ctx, key, nil, u.takenOf(key), o, local)
	case c.URL != "":
		p, err := locate("url", c.URL)
		if err != nil {
			return nil, err
		}
		return p.inputs(ctx, key, nil, u.takenOf(key), o, local)
	case c.Layout != "":
		dir, value, err := layoutImage(c.Layout)
		local.Layouts[key] = Layout{dir, digest.Digest(value)}
		return one(value), err
	case c.Ref != "":
		return one(c.Ref), nil
	}
	return one(c.Image.String()), nil
}
