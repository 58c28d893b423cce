package ctrd

import (
	"context"
	"fmt"
	"slices"

	"github.com/fairlead-dev/fairlead/executor/binfmt"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// foreign gives the platforms that a stack needs, or a Dockerfile of it, and the machine itself does not run.
func foreign(cfg *spec.Config, sources map[string]*planner.Source, native []string) []string {
	var out []string
	for _, src := range sources {
		for _, run := range src.Emulated {
			out = append(out, run.Platforms...)
		}
	}
	for _, c := range cfg.Containers {
		out = append(out, c.Platform)
	}
	for _, im := range cfg.Images {
		if im.Build != nil {
			out = append(out, im.Build.Platforms...)
		}
	}
	for _, e := range cfg.Emulators {
		out = append(out, e.Platform)
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(p string) bool { return p == "" || slices.Contains(native, p) })
}

// readEmulators finds out which of them run here.
func readEmulators(ctx context.Context, cfg *spec.Config, s *planner.State) (err error) {
	h := &s.Host
	if h.Emulators, err = emulators(ctx, foreign(cfg, s.Sources, h.Native)); err != nil {
		return err
	}
	h.Runs = slices.Clone(h.Native)
	for p, e := range h.Emulators {
		if e.Works {
			h.Runs = append(h.Runs, p)
		}
	}
	slices.Sort(h.Runs[len(h.Native):])
	return nil
}

// emulators finds out what runs the platforms that a stack needs: by running a program of each.
func emulators(ctx context.Context, wanted []string) (map[string]planner.LiveEmulator, error) {
	out := map[string]planner.LiveEmulator{}
	h := binfmt.System()
	for _, p := range wanted {
		status, err := h.Check(ctx, p)
		if err != nil {
			return nil, err
		}
		rule, found, err := h.RuleFor(p)
		if err != nil {
			return nil, err
		}
		e := planner.LiveEmulator{Handler: status.Handler.Name, Owned: status.Handler.Owned(), Works: status.State == binfmt.Works || status.State == binfmt.Native, Trouble: status.Problem}
		if found {
			e.Rule = rule.File
			_, e.Persisted, err = h.Persisted(rule.Own().Name)
			if err != nil {
				return nil, err
			}
		}
		out[p] = e
	}
	return out, nil
}

// registerEmulator makes the kernel run a platform's programs, and runs one.
func registerEmulator(ctx context.Context, op *planner.RegisterEmulator) error {
	h := binfmt.System()
	rule, found, err := h.RuleFor(op.Platform)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("emulator for %s: its rule is gone. Install %s, and plan again", op.Platform, binfmt.Package)
	}
	rule = rule.Own()
	status, err := h.Check(ctx, op.Platform)
	if err != nil {
		return err
	}
	if status.State != binfmt.Works {
		if err := h.Register(rule); err != nil {
			return err
		}
		if err := binfmt.Probe(ctx, op.Platform); err != nil {
			return fmt.Errorf("emulator for %s: it is registered, and a program of that platform does not run: %w", op.Platform, err)
		}
	}
	if op.Persist {
		return h.Persist(rule)
	}
	return nil
}
