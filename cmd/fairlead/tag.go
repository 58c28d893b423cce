package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

func tagCommand(a *app) *cobra.Command {
	var n scopeFlags
	cmd := &cobra.Command{
		Use: "tag SOURCE NAME...", Short: "give an image more names", Args: cobra.MinimumNArgs(2),
		Long:    "tag makes each NAME stand for what SOURCE stands for. A NAME that is there is moved.",
		Example: "  fairlead tag shop/app:1.0 shop/app:stable registry.example.com/shop/app:1.0",
		RunE: func(cmd *cobra.Command, args []string) error {
			var names []string
			for _, arg := range args[1:] {
				name, err := spec.ParseTag(arg)
				if err != nil {
					return err
				}
				names = append(names, name)
			}
			if err := eachOnce(names); err != nil {
				return err
			}
			return a.byHand(cmd.Context(), &n, false, func(_ context.Context, h *byHand) error {
				from, err := findImage(h.have, args[0])
				if err != nil {
					return err
				}
				for _, name := range names {
					h.noteResult(name, from.Digest)
					h.addStep(&planner.TagImage{Name: name, From: from.ID, Digest: from.Digest}, name)
				}
				return nil
			})
		},
	}
	n.addInputFlags(cmd)
	return cmd
}

func untagCommand(a *app) *cobra.Command {
	var n scopeFlags
	cmd := &cobra.Command{
		Use: "untag NAME...", Short: "take names away from images", Args: cobra.MinimumNArgs(1),
		Long: "untag takes names away. An image's content goes with its last name. A name that a container uses stays, and so does one whose block " +
			"sets prevent_destroy.",
		Example: "  fairlead untag shop/app:0.9",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.byHand(cmd.Context(), &n, false, func(_ context.Context, h *byHand) error {
				recs, err := findEach(h.have, args)
				if err != nil {
					return err
				}
				var errs []error
				for _, rec := range recs {
					errs = append(errs, h.checkUntaggable(rec))
				}
				if err := errors.Join(errs...); err != nil {
					return err
				}
				for _, rec := range recs {
					h.warnOwner(rec, "")
					h.addStep(&planner.UntagImage{Name: rec.ID}, rec.ID)
				}
				return nil
			})
		},
	}
	n.addInputFlags(cmd)
	return cmd
}

// checkUntaggable says what keeps a name.
func (h *byHand) checkUntaggable(rec *planner.LiveImage) error {
	var users []string
	for _, c := range h.have.Containers {
		if c.Image == rec.ID {
			users = append(users, strings.TrimSpace(fmt.Sprintf("%s %.12s", c.Name, c.ID)))
		}
	}
	switch {
	case len(users) == 1:
		return fmt.Errorf("image %s: the container %s uses it. Remove that first", familiarName(rec.ID), users[0])
	case len(users) > 1:
		return fmt.Errorf("image %s: the containers %s use it. Remove them first", familiarName(rec.ID), strings.Join(users, ", "))
	case rec.Protected:
		return fmt.Errorf("image %s: %s of stack %q sets prevent_destroy. Take that out of its files and apply them first",
			familiarName(rec.ID), rec.Owner.Addr, rec.Owner.Stack)
	}
	return nil
}
