package main

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

func pullCommand(a *app) *cobra.Command {
	var n scopeFlags
	var platforms []string
	var all bool
	cmd := &cobra.Command{
		Use: "pull REFERENCE", Short: "download an image", Args: cobra.ExactArgs(1),
		Long:    "pull downloads an image from its registry: the host's own platform, or those asked for. What is here already is not fetched again.",
		Example: "  fairlead pull nginx:1.27\n  fairlead pull --platform arm64 --platform amd64 registry.example.com/app:1.0\n  fairlead pull --all-platforms debian:12",
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := spec.ParseReference(args[0])
			if err != nil {
				return err
			}
			wanted, err := parsePlatforms(platforms)
			if err != nil {
				return err
			}
			return a.byHand(cmd.Context(), &n, true, func(ctx context.Context, h *byHand) error { return h.pull(ctx, ref, wanted, all) })
		},
	}
	n.addInputFlags(cmd)
	cmd.Flags().StringArrayVar(&platforms, "platform", nil, "this `PLATFORM`, as linux/arm64; may be given more than once")
	cmd.Flags().BoolVar(&all, "all-platforms", false, "all platforms that the image has")
	cmd.MarkFlagsMutuallyExclusive("platform", "all-platforms")
	return cmd
}

// pull asks the registry what the reference stands for now, whatever a lock file says.
func (h *byHand) pull(ctx context.Context, ref string, wanted []string, all bool) error {
	got, err := registry.Resolve(ctx, registry.NewHosts(h.options.Registries), ref)
	if err != nil {
		return err
	}
	switch {
	case all:
		wanted = slices.Sorted(maps.Keys(got.Platforms))
	case wanted == nil:
		wanted = []string{h.have.Host.Platform}
	}
	op := &planner.PullImage{Name: ref, Digest: got.Digest, Platforms: wanted}
	op.Ref, _, _ = strings.Cut(ref, "@")
	for _, p := range wanted {
		size, ok := got.Platforms[p]
		if !ok {
			return registry.NoPlatform(familiarName(ref), p, got.Platforms)
		}
		op.Bytes += size
	}
	if len(wanted) == 0 {
		return registry.NoPlatform(familiarName(ref), h.have.Host.Platform, got.Platforms)
	}
	h.noteResult(ref, got.Digest)
	h.addStep(op, ref)
	return nil
}
