package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairlead-dev/fairlead/cmd/internal/view"
	"github.com/fairlead-dev/fairlead/executor/buildkit"
	"github.com/fairlead-dev/fairlead/executor/ctrd"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

func pruneCommand(a *app) *cobra.Command {
	f := applyFlags{}
	var all bool
	cmd := &cobra.Command{
		Use: "prune", Short: "free what nothing needs: the builder's cache, and images that no container uses", Args: cobra.NoArgs,
		Long: "prune says what it would free, asks, and frees it: the builder's cache, which builds fill again, and the images of this directory's stack that no " +
			"container uses and the files don't have any more. With --all it is each image of any stack that no container uses, too: what files want of them, an apply " +
			"brings or builds again.",
		Example: "  fairlead prune\n  fairlead prune --all --yes",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.prune(cmd.Context(), &f, all) },
	}
	f.addInputFlags(cmd)
	cmd.Flags().Var(duration{&f.wait}, "lock-timeout", "how long to wait for an apply of a stack whose images would go, as `30s`; 0s: fail at once")
	cmd.Flags().BoolVar(&all, "all", false, "also all images of stacks that no container uses")
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "free it without asking")
	return cmd
}

func (a *app) prune(ctx context.Context, f *applyFlags, all bool) (err error) {
	if f.mayAsk() != nil {
		return errors.New("there is no terminal to ask on: run again with --yes")
	}
	ctx, stop := a.untilInterrupted(ctx)
	defer stop()
	h, w, err := a.openByHand(ctx, &f.scopeFlags, true, f.wait)
	if err != nil {
		return err
	}
	defer w.Close()
	session, end, err := w.ByHand(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end(context.WithoutCancel(ctx))) }()
	cache, err := w.CacheUsage(session)
	if err != nil {
		return err
	}
	found := unusedImages(h.have, h.config, all)
	if err := a.writeUnused(found, cache); err != nil {
		return err
	}
	switch {
	case len(found) == 0 && cache.Freeable == 0:
		return nil
	case !f.yes && !askToPrune(ctx, w):
		a.printNote("Nothing was done.")
		return exitCode(exitTrouble)
	}
	if err := a.untagUnused(session, h, w, found, all); err != nil {
		return err
	}
	freed, err := w.PruneCache(session, all)
	switch {
	case err != nil:
		return err
	case a.json:
		return view.JSON(stdout, map[string]any{"format": "fairlead.freed", "version": view.Version, "bytes": freed})
	case freed > 0:
		stdout.say("%s of the builder's cache are free.\n", planner.Bytes(freed))
	}
	return nil
}

// writeUnused shows what a prune would free.
func (a *app) writeUnused(found []*planner.LiveImage, cache buildkit.Usage) error {
	if a.json {
		images := map[string]*planner.LiveImage{}
		for _, rec := range found {
			images[rec.ID] = rec
		}
		return view.JSON(stdout, map[string]any{"format": "fairlead.prune", "version": view.Version,
			"images": imageRows("", &planner.State{Images: images}, true), "cache": map[string]int64{"bytes": cache.Total, "freeable": cache.Freeable}})
	}
	for _, rec := range found {
		stdout.say("- image %q, %s of stack %q\n", familiarName(rec.ID), rec.Owner.Addr, rec.Owner.Stack)
	}
	if cache.Freeable > 0 {
		stdout.say("- the builder's cache: %s, of which up to %s can go\n", planner.Bytes(cache.Total), planner.Bytes(cache.Freeable))
	}
	if len(found) == 0 && cache.Freeable == 0 {
		stdout.say("There is nothing to free.\n")
	}
	return nil
}

// untagUnused looks again, under the locks of the stacks that own what was found, and untags what is as it was then.
func (a *app) untagUnused(ctx context.Context, h *byHand, w *ctrd.Writer, found []*planner.LiveImage, all bool) error {
	if len(found) == 0 {
		return nil
	}
	var stacks []string
	for _, rec := range found {
		stacks = append(stacks, rec.Owner.Stack)
	}
	unlock, err := w.LockStacks(ctx, stacks)
	if err != nil {
		return err
	}
	defer unlock()
	if err := h.observe(ctx, w); err != nil {
		return err
	}
	now := unusedImages(h.have, h.config, all)
	for _, rec := range found {
		if !slices.ContainsFunc(now, func(n *planner.LiveImage) bool {
			return n.ID == rec.ID && n.Digest == rec.Digest && *n.Owner == *rec.Owner
		}) {
			a.printNote("%s is left alone: it is used, or has changed, since it was shown", familiarName(rec.ID))
			continue
		}
		h.addStep(&planner.UntagImage{Name: rec.ID}, rec.ID)
	}
	if h.plan.Empty() {
		return nil
	}
	return a.runPlan(ctx, h.plan, w, byHandAtOnce)
}

// askToPrune asks, and lets others use the builder until there is an answer.
func askToPrune(ctx context.Context, w *ctrd.Writer) bool {
	w.EndBuilder(context.WithoutCancel(ctx))
	return askYesNo(ctx, "Free this?")
}

// unusedImages gives the images that no container uses, by name: of the stack those that its files don't have, or all of all stacks.
func unusedImages(have *planner.State, cfg *spec.Config, all bool) []*planner.LiveImage {
	used, content := map[string]bool{}, map[string]bool{}
	for _, c := range have.Containers {
		used[c.Image], content[c.Digest] = true, true
	}
	if cfg != nil {
		for _, im := range spec.Of[*spec.Image](cfg) {
			for _, name := range append([]string{im.Name}, im.Tags...) {
				used[name] = used[name] || !all
			}
		}
	}
	var out []*planner.LiveImage
	for name, rec := range have.Images {
		mine := rec.Owner != nil && (all || cfg != nil && rec.Owner.Stack == cfg.Stack.Name)
		if mine && !rec.Protected && !used[name] && !content[rec.Digest] {
			out = append(out, rec)
		}
	}
	slices.SortFunc(out, func(a, b *planner.LiveImage) int { return strings.Compare(a.ID, b.ID) })
	return out
}
