package main

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

func importCommand(a *app) *cobra.Command {
	var n scopeFlags
	var platform string
	cmd := &cobra.Command{
		Use: "import FILE|DIR|URL NAME", Short: "make an image of a root filesystem", Args: cobra.ExactArgs(2),
		Long:    "import makes a one-layer image from a tar file, its URL, or a directory. The file may be compressed.",
		Example: "  fairlead import rootfs.tar.gz board/base:1.0\n  fairlead import --platform arm64 ./rootfs board/base:1.0",
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := spec.ParseTag(args[1])
			if err != nil {
				return err
			}
			from := args[0]
			if !strings.Contains(from, "://") {
				if from, err = filepath.Abs(from); err != nil {
					return err
				}
			}
			root := &spec.Rootfs{Path: from}
			if platform != "" {
				all, err := parsePlatforms([]string{platform})
				if err != nil {
					return err
				}
				root.Platform = all[0]
			}
			return a.byHand(cmd.Context(), &n, false, func(_ context.Context, h *byHand) error {
				h.warnOwner(h.have.Images[name], "")
				h.addStep(&planner.ImportImage{Name: name, Rootfs: root}, name)
				return nil
			})
		},
	}
	n.addInputFlags(cmd)
	cmd.Flags().StringVar(&platform, "platform", "", "the `PLATFORM` of the programs in it, as linux/arm64; the host's own if it isn't said")
	return cmd
}
