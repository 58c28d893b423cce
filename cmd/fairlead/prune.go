package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairlead-dev/fairlead/executor/ctrd"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

func pruneCommand(a *app) *cobra.Command {
	f := applying{}
	var all bool
	cmd := &cobra.Command{
		Use: "prune", Short: "free what nothing needs: the builder's cache, and images that no container uses", Args: cobra.NoArgs,
		Long: "prune says what it would free, asks, and frees it: the builder's cache, which builds fill again, and the images of this directory's stack that no " +
			"container uses and the files don't have any more. With --all it is each image of any stack that no container uses, too: what files want of them, an apply " +
			"brings or builds again.",
		Example: "  fairlead prune\n  fairlead prune --all --yes",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.prune(cmd.Context(), &f, all) },
	}
	f.inputs(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "also all images of stacks that no container uses")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "free it without asking")
	return cmd
}

func (a *app) prune(ctx context.Context, f *applying, all bool) (err error) {
	if f.mayAsk() != nil {
		return errors.New("there is no terminal to ask on: run again with --yes")
	}
	ctx, stop := interrupts(ctx)
	defer stop()
	h, w, err := a.openByHand(ctx, &f.narrowing, true)
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
	for _, rec := range unused(h.have, h.config, all) {
		fmt.Printf("- image %q, %s of stack %q\n", familiar(rec.Name), rec.Owner.Addr, rec.Owner.Stack)
		h.step(&planner.UntagImage{Name: rec.Name}, rec.Name)
	}
	if cache.Freeable > 0 {
		fmt.Printf("- the builder's cache: %s, of which up to %s can go\n", planner.Bytes(cache.Total), planner.Bytes(cache.Freeable))
	}
	switch {
	case h.plan.Empty() && cache.Freeable == 0:
		fmt.Println("There is nothing to free.")
		return nil
	case !f.yes && !askToPrune(ctx, w):
		fmt.Println("Nothing was done.")
		return exitCode(exitTrouble)
	}
	if !h.plan.Empty() {
		if err := a.runPlan(session, h.plan, w, byHandAtOnce); err != nil {
			return err
		}
	}
	freed, err := w.PruneCache(session, all)
	if err == nil && freed > 0 {
		fmt.Printf("%s of the builder's cache are free.\n", planner.Bytes(freed))
	}
	return err
}

// askToPrune asks, and lets others use the builder until there is an answer.
func askToPrune(ctx context.Context, w *ctrd.Writer) bool {
	w.EndBuilder(context.WithoutCancel(ctx))
	return ask(ctx, "Free this?")
}

// unused gives the images that no container uses, by name: of the stack those that its files don't have, or all of all stacks.
func unused(have *planner.State, cfg *spec.Config, all bool) []*planner.LiveImage {
	used, content := map[string]bool{}, map[string]bool{}
	for _, c := range have.Containers {
		used[c.Image], content[c.Digest] = true, true
	}
	if cfg != nil {
		for _, im := range cfg.Images {
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
	slices.SortFunc(out, func(a, b *planner.LiveImage) int { return strings.Compare(a.Name, b.Name) })
	return out
}
