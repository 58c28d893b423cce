package ctrd

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/fairlead-dev/fairlead/executor/binfmt"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// foreignPlatforms gives the platforms of those given that the machine itself does not run, each once.
func foreignPlatforms(wanted, native []string) []string {
	slices.Sort(wanted)
	return slices.DeleteFunc(slices.Compact(wanted), func(p string) bool { return p == "" || slices.Contains(native, p) })
}

// namedPlatforms gives the platforms that a stack's files name.
func namedPlatforms(cfg *spec.Config) []string {
	var out []string
	for _, c := range spec.Of[*spec.Container](cfg) {
		out = append(out, c.Platform)
	}
	for _, im := range spec.Of[*spec.Image](cfg) {
		if im.Build != nil {
			out = append(out, im.Build.Platforms...)
		}
	}
	for _, e := range spec.Of[*spec.Emulator](cfg) {
		out = append(out, e.Platform)
	}
	return out
}

// emulators finds out what runs platforms: by running a program of each.
func emulators(ctx context.Context, wanted []string) (map[string]planner.LiveEmulator, error) {
	found := make([]planner.LiveEmulator, len(wanted))
	var g errgroup.Group
	for i, p := range wanted {
		g.Go(func() (err error) { found[i], err = emulator(ctx, p); return err })
	}
	out := map[string]planner.LiveEmulator{}
	err := g.Wait()
	for i, p := range wanted {
		out[p] = found[i]
	}
	return out, err
}

func emulator(ctx context.Context, platform string) (planner.LiveEmulator, error) {
	h := binfmt.System()
	status, err := h.Check(ctx, platform)
	if err != nil {
		return planner.LiveEmulator{}, err
	}
	e := planner.LiveEmulator{Handler: status.Handler.Name, Owned: status.Handler.Owned(), Works: status.State == binfmt.Works || status.State == binfmt.Native, Trouble: status.Problem}
	rule, found, err := h.RuleFor(platform)
	if err == nil && found {
		e.Rule = rule.File
		_, e.Persisted, err = h.Persisted(rule.Own().Name)
	}
	return e, err
}

// hostRuns gives what the host runs: natively first, and then by emulators that work.
func hostRuns(h planner.Host) []string {
	out := slices.Clone(h.Native)
	for p, e := range h.Emulators {
		if e.Works {
			out = append(out, p)
		}
	}
	slices.Sort(out[len(h.Native):])
	return out
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
