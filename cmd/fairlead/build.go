package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/fairlead-dev/fairlead/spec"
)

func buildCommand(a *app) *cobra.Command {
	f := applyFlags{yes: true}
	var again bool
	cmd := &cobra.Command{
		Use: "build [ADDRESS...]", Short: "build the stack's images, and touch no container",
		Long: "build does what an apply would do for the images that are built: those named, or all, with what they are built from and their tags and " +
			"pushes. What is built from what is there already is not built again.",
		Example: "  fairlead build\n  fairlead build image.app\n  fairlead build --again image.app",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.targetBuilds(&f.scopeFlags, args, again); err != nil {
				return err
			}
			return a.apply(cmd.Context(), &f)
		},
	}
	f.addInputFlags(cmd)
	cmd.Flags().BoolVar(&again, "again", false, "build also what is there")
	f.addRunFlags(cmd)
	return cmd
}

// targetBuilds limits a plan's scope to the images that are built: those named, or all.
func (a *app) targetBuilds(n *scopeFlags, named []string, again bool) error {
	cfg, err := a.load(n)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, im := range spec.Of[*spec.Image](cfg) {
		if im.Build != nil {
			there[im.Addr.String()], there[im.Addr.Block().String()] = true, true
			if len(named) == 0 {
				n.targets = append(n.targets, im.Addr.String())
			}
		}
	}
	for _, arg := range named {
		addr, err := spec.ParseAddr(arg)
		if err != nil {
			return err
		}
		if !there[addr.String()] {
			return fmt.Errorf("%s: no image block with a build has this address.%s", addr, spec.DidYouMean(addr.String(), slices.Sorted(maps.Keys(there))))
		}
		n.targets = append(n.targets, addr.String())
	}
	if len(n.targets) == 0 {
		return errors.New("no image of this stack is built: none has a build block")
	}
	if again {
		n.replace = n.targets
	}
	return nil
}
