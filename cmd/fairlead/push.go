package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

func pushCommand(a *app) *cobra.Command {
	var n scopeFlags
	cmd := &cobra.Command{
		Use: "push NAME [TO]", Short: "copy an image to a registry", Args: cobra.RangeArgs(1, 2),
		Long:    "push copies an image, all its platforms, to the registry that its name or TO says. Nothing is tagged.",
		Example: "  fairlead push registry.example.com/shop/app:1.0\n  fairlead push shop/app:1.0 registry.example.com/shop/app:1.0",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.byHand(cmd.Context(), &n, true, func(_ context.Context, h *byHand) error {
				rec, err := findImage(h.have, args[0])
				if err != nil {
					return err
				}
				to, err := spec.ParseTag(args[len(args)-1])
				if err != nil {
					return fmt.Errorf("push to %w", err)
				}
				h.results = append(h.results, familiarName(to)+"  "+rec.Digest)
				h.addStep(&planner.PushImage{Name: rec.ID, To: to, Digest: rec.Digest}, to)
				return nil
			})
		},
	}
	n.addInputFlags(cmd)
	return cmd
}
