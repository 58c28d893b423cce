package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairlead-dev/fairlead/executor/archive"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

func loadCommand(a *app) *cobra.Command {
	var n scopeFlags
	var name string
	cmd := &cobra.Command{
		Use: "load FILE|DIR", Short: "bring images from an archive or an OCI layout", Args: cobra.ExactArgs(1),
		Long: "load brings the images of a docker or OCI archive, or of an OCI layout's directory, under the names that they have there, with all their " +
			"platforms. With --name it brings one: the only one, under any name, or the one of that name.",
		Example: "  fairlead load app.tar\n  fairlead load --name shop/app:1.0 build/layout",
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("name") {
				ref, err := spec.ParseTag(name)
				if err != nil {
					return fmt.Errorf("--name: %w", err)
				}
				name = ref
			}
			return a.byHand(cmd.Context(), &n, false, func(ctx context.Context, h *byHand) error { return h.load(ctx, args[0], name) })
		},
	}
	n.addInputFlags(cmd)
	cmd.Flags().StringVar(&name, "name", "", "bring one image, as `NAME`")
	return cmd
}

// load brings each image once, and gives it its other names.
func (h *byHand) load(ctx context.Context, path, name string) error {
	a, err := archive.Open(ctx, path)
	if err != nil {
		return err
	}
	names := []string{name}
	if name == "" {
		if names, err = fullNames(a); err != nil {
			return err
		}
	}
	type loaded struct {
		name string
		step int
	}
	first := map[string]loaded{} // by digest
	for _, name := range names {
		found, err := a.Select(name)
		if err != nil {
			return err
		}
		h.noteResult(name, found.Digest)
		if f, ok := first[found.Digest]; ok {
			h.addStep(&planner.TagImage{Name: name, From: f.name, Digest: found.Digest}, name, f.step)
			continue
		}
		op := &planner.LoadImage{Name: name, Path: path, Digest: found.Digest, Fingerprint: a.Fingerprint, Platforms: slices.Sorted(maps.Keys(found.Platforms))}
		first[found.Digest] = loaded{name, h.addStep(op, name)}
	}
	return nil
}

// fullNames gives the names in an archive, if each is one that a record can have: some tools write a tag alone, or nothing.
func fullNames(a *archive.Archive) ([]string, error) {
	names := a.Names()
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: the image in it has no name. Give it one, as in: fairlead load --name app:1.0 %s", a.Path, a.Path)
	}
	for _, n := range names {
		if !strings.Contains(n, "/") {
			return nil, fmt.Errorf("%s: an image in it has only the tag %s for a name. Give it a whole one, as in: fairlead load --name app:%s %s", a.Path, n, n, a.Path)
		}
		if _, err := spec.ParseReference(n); err != nil {
			return nil, fmt.Errorf("%s: an image in it has the name %q, which is no reference. Give it one, as in: fairlead load --name app:1.0 %s", a.Path, n, a.Path)
		}
	}
	return names, nil
}
