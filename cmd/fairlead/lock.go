package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairlead-dev/fairlead/cmd/internal/view"
	"github.com/fairlead-dev/fairlead/executor/ctrd"
	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/spec"
)

// pullable are the references of a stack that a lock file can pin, sorted.
func pullable(cfg *spec.Config) []string {
	var refs []string
	for _, img := range cfg.Images {
		if img.Pull != "" && !strings.Contains(img.Pull, "@") {
			refs = append(refs, img.Pull)
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// resolve asks the registries what references stand for now.
func resolve(ctx context.Context, cfg *spec.Config, refs []string) (spec.Lock, error) {
	hosts := registry.NewHosts(cfg.Registries)
	found := spec.Lock{}
	var errs []error
	for _, ref := range refs {
		r, err := registry.Resolve(ctx, hosts, ref)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found[ref] = spec.Pin{Digest: r.Digest, Platforms: r.Platforms}
	}
	return found, errors.Join(errs...)
}

func lockCommand(a *app) *cobra.Command {
	var update bool
	var n narrowing
	cmd := &cobra.Command{
		Use: "lock [REFERENCE...]", Short: "pin image references to digests in " + spec.LockFile,
		Long:    "lock pins what is not pinned yet, and forgets what no block names. With --update it asks the registries again, for all or for the references given.",
		Example: "  fairlead lock\n  fairlead lock --update docker.io/library/nginx:1.27",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load(&n)
			if err != nil {
				return err
			}
			based, err := ctrd.BaseReferences(cfg)
			if err != nil {
				return err
			}
			refs := append(pullable(cfg), based...)
			for i, arg := range args {
				ref, err := spec.ParseReference(arg)
				if err != nil {
					return fmt.Errorf("%s: %w", arg, err)
				}
				args[i] = ref
				if !slices.Contains(refs, ref) {
					return fmt.Errorf("%s: no image of the stack is pulled by that reference or built on it; there are: %s", ref, strings.Join(refs, ", "))
				}
			}
			lock := maps.Clone(cfg.Lock)
			if lock == nil {
				lock = spec.Lock{}
			}
			maps.DeleteFunc(lock, func(ref string, _ spec.Pin) bool { return !slices.Contains(refs, ref) })
			ask := slices.DeleteFunc(slices.Clone(refs), func(ref string) bool {
				_, pinned := lock[ref]
				anew := update && (len(args) == 0 || slices.Contains(args, ref))
				return pinned && !anew
			})
			local := slices.DeleteFunc(slices.Clone(ask), func(ref string) bool { // it may be on the host alone
				_, pinned := lock[ref]
				return pinned || !slices.Contains(based, ref) || slices.Contains(args, ref)
			})
			found, err := resolve(cmd.Context(), cfg, slices.DeleteFunc(ask, func(ref string) bool { return slices.Contains(local, ref) }))
			for _, ref := range local {
				one, missed := resolve(cmd.Context(), cfg, []string{ref})
				if missed != nil {
					a.note("%s is not pinned: %v", ref, missed)
				}
				maps.Copy(found, one)
			}
			rows := []movedRow{}
			for _, ref := range slices.Sorted(maps.Keys(found)) {
				if old := lock[ref].Digest; old != found[ref].Digest {
					rows = append(rows, movedRow{ref, old, found[ref].Digest})
				}
				lock[ref] = found[ref]
			}
			return errors.Join(err, lock.Write(a.dir), a.writeMoved("fairlead.lock", rows))
		},
	}
	n.inputs(cmd)
	cmd.Flags().BoolVar(&update, "update", false, "ask the registries again for what is pinned")
	return cmd
}

// movedRow is a reference that stands for something else than the lock file says.
type movedRow struct {
	Reference string `json:"reference"`
	Pinned    string `json:"pinned"` // "": it wasn't
	Now       string `json:"now"`
}

func (a *app) writeMoved(format string, rows []movedRow) error {
	switch {
	case a.json:
		return view.JSON(stdout, listed{format, view.Version, rows})
	case a.quiet:
		return ids(rows, func(r movedRow) string { return r.Reference })
	}
	for _, r := range rows {
		if r.Pinned != "" {
			r.Now = r.Pinned + " -> " + r.Now
		}
		stdout.say("%s  %s\n", r.Reference, r.Now)
	}
	return nil
}

func outdatedCommand(a *app) *cobra.Command {
	var n narrowing
	cmd := &cobra.Command{
		Use: "outdated", Short: "list pinned references whose tag has moved", Args: cobra.NoArgs,
		Example: "  fairlead outdated && echo all is current   # exit 2 where something is outdated",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(&n)
			if err != nil {
				return err
			}
			found, err := resolve(cmd.Context(), cfg, slices.Sorted(maps.Keys(cfg.Lock)))
			rows := []movedRow{}
			for _, ref := range slices.Sorted(maps.Keys(found)) {
				if now := found[ref].Digest; now != cfg.Lock[ref].Digest {
					rows = append(rows, movedRow{ref, cfg.Lock[ref].Digest, now})
				}
			}
			if err := errors.Join(err, a.writeMoved("fairlead.outdated", rows)); err != nil || len(rows) == 0 {
				return err
			}
			if !a.json && !a.quiet {
				a.note("Take them with: fairlead lock --update")
			}
			return exitCode(exitChanges)
		},
	}
	n.inputs(cmd)
	return cmd
}
