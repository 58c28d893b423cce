package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/distribution/reference"

	"github.com/fairlead-dev/fairlead/cmd/internal/view"
	"github.com/fairlead-dev/fairlead/executor/ctrd"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// byHand is one run of steps that no stack asks for: the same steps as an apply's, run and shown in the same way.
type byHand struct {
	config  *spec.Config // of the directory; nil: there is none
	options ctrd.Options
	have    *planner.State
	plan    *planner.Plan
	stacks  []string // that own a name that is written to
	notes   []string // for people, before the steps run
	results []string // for people, once all is done
}

// byHandAtOnce is how many steps of a run by hand are under way at once.
const byHandAtOnce = 4

// byHand reads the host, has the steps decided, and runs them.
func (a *app) byHand(ctx context.Context, n *scopeFlags, asksRegistry bool, decide func(context.Context, *byHand) error) (err error) {
	ctx, stop := a.untilInterrupted(ctx)
	defer stop()
	h, w, err := a.openByHand(ctx, n, asksRegistry, 0)
	if err != nil {
		return err
	}
	defer w.Close()
	unlock, err := h.decideLocked(ctx, w, decide)
	if err != nil {
		return err
	}
	defer unlock()
	for _, note := range h.notes {
		a.printNote("%s", note)
	}
	session, end, err := w.ByHand(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end(context.WithoutCancel(ctx))) }()
	if err := a.runPlan(session, h.plan, w, byHandAtOnce); err != nil || a.json {
		return err
	}
	for _, line := range h.results {
		stdout.say("%s\n", view.WholeWords(line))
	}
	return nil
}

// decideLocked has the steps decided under the locks of the stacks that own what is written to: which these are, a first look tells.
func (h *byHand) decideLocked(ctx context.Context, w *ctrd.Writer, decide func(context.Context, *byHand) error) (unlock func(), err error) {
	if err := decide(ctx, h); err != nil || len(h.stacks) == 0 {
		return func() {}, err
	}
	owners := h.stacks
	if unlock, err = w.LockStacks(ctx, owners); err != nil {
		return nil, err
	}
	if err = h.observe(ctx, w); err == nil {
		err = decide(ctx, h)
	}
	if err == nil && slices.ContainsFunc(h.stacks, func(s string) bool { return !slices.Contains(owners, s) }) {
		err = errors.New("the images have other owners than a moment ago: look at `fairlead images -a`, and run this again")
	}
	if err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// observe reads the host, and forgets what was decided.
func (h *byHand) observe(ctx context.Context, w *ctrd.Writer) (err error) {
	h.have, err = w.Observe(ctx, nil, ctrd.ObserveOptions{})
	h.plan = &planner.Plan{Namespace: h.options.Namespace, Summary: planner.Summary{Actions: map[string]int{}}}
	h.stacks, h.notes, h.results = nil, nil, nil
	return err
}

// openByHand reads the host. The caller closes the Writer.
func (a *app) openByHand(ctx context.Context, n *scopeFlags, asksRegistry bool, wait time.Duration) (*byHand, *ctrd.Writer, error) {
	cfg, err := a.loadIfNeeded(n, asksRegistry)
	if err != nil {
		return nil, nil, err
	}
	h := &byHand{config: cfg, options: a.hostOptions(cfg)}
	h.options.LockWait = wait
	w, err := ctrd.OpenWriter(ctx, h.options)
	if err != nil {
		return nil, nil, err
	}
	if err := h.observe(ctx, w); err != nil {
		w.Close()
		return nil, nil, err
	}
	return h, w, nil
}

// loadIfNeeded gives the stack of the directory, for its namespace and its registries; nil where there is none, or nothing of it is needed.
// A file with an error is no less one here: what it says of the namespace may be what is wrong.
func (a *app) loadIfNeeded(n *scopeFlags, asksRegistry bool) (*spec.Config, error) {
	if a.namespace != "" && !asksRegistry {
		return nil, nil
	}
	if files, err := spec.Files(a.dir); err == nil && len(files) == 0 {
		return nil, nil
	}
	return a.load(n)
}

// addStep adds a step to the plan, and a change with the name of what it works on.
func (h *byHand) addStep(op planner.Op, object string, after ...int) (id int) {
	const why = "asked for by hand"
	planner.Expect(op, h.have.Images)
	id = len(h.plan.Steps) + 1
	verb := planner.Verb(op)
	h.plan.Changes = append(h.plan.Changes, &planner.Change{Object: familiarName(object), Action: planner.Update, Verb: verb, Reasons: []string{why}})
	h.plan.Steps = append(h.plan.Steps, &planner.Step{ID: id, Op: op, Change: id - 1, After: after, Cause: why})
	h.plan.Summary.Actions[verb]++
	return id
}

// noteResult notes the digest that a name has once all is done, and the stack that owns the name.
func (h *byHand) noteResult(name, digest string) {
	h.warnOwner(h.have.Images[name], digest)
	h.results = append(h.results, familiarName(name)+"  "+digest)
}

// warnOwner notes the stack that owns a record whose digest changes: its next plan shows this.
func (h *byHand) warnOwner(rec *planner.LiveImage, digest string) {
	if rec != nil && rec.Owner != nil && rec.Digest != digest {
		h.stacks = append(h.stacks, rec.Owner.Stack)
		h.notes = append(h.notes, fmt.Sprintf("%s is %s of stack %q: the next plan will show this", familiarName(rec.ID), rec.Owner.Addr, rec.Owner.Stack))
	}
}

// findImage gives the image that is there under a name: as the name is written, or in its normal form.
func findImage(have *planner.State, name string) (*planner.LiveImage, error) {
	if rec := have.Images[name]; rec != nil {
		return rec, nil
	}
	ref, err := spec.ParseReference(name)
	if err != nil {
		return nil, err
	}
	if rec := have.Images[ref]; rec != nil {
		return rec, nil
	}
	var known []string
	for _, n := range slices.Sorted(maps.Keys(have.Images)) {
		known = append(known, familiarName(n))
	}
	return nil, fmt.Errorf("image %s: there is none of this name in namespace %s.%s `fairlead images -a` lists them",
		familiarName(ref), have.Namespace, spec.DidYouMean(familiarName(ref), known))
}

// findEach gives the images that are there under names, each named once.
func findEach(have *planner.State, names []string) ([]*planner.LiveImage, error) {
	var recs []*planner.LiveImage
	var found []string
	for _, n := range names {
		rec, err := findImage(have, n)
		if err != nil {
			return nil, err
		}
		recs, found = append(recs, rec), append(found, rec.ID)
	}
	return recs, eachOnce(found)
}

// eachOnce refuses a name that is there twice.
func eachOnce(names []string) error {
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			return fmt.Errorf("image %s: it is named twice. Name it once", familiarName(n))
		}
	}
	return nil
}

// parsePlatforms reads platforms that flags give; nil for none.
func parsePlatforms(texts []string) ([]string, error) {
	var out []string
	for _, t := range texts {
		p, err := spec.ParsePlatform(t)
		if err != nil {
			return nil, fmt.Errorf("--platform: %w", err)
		}
		out = append(out, p)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// familiarName is an image's name without what everybody leaves out.
func familiarName(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return reference.FamiliarString(named)
}
