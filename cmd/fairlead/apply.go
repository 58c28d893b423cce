package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/fairlead-dev/fairlead/cmd/internal/view"
	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/ctrd"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// applyFlags are the flags of apply and destroy.
type applyFlags struct {
	scopeFlags
	yes      bool
	confirm  string // the stack's name, for a plan that removes what was applied from elsewhere
	parallel int
	wait     time.Duration
	answer   time.Duration // ctrd.Options.AnswerWait
	start    time.Duration // ctrd.Options.StartWait
}

func (f *applyFlags) addFlags(cmd *cobra.Command) {
	f.scopeFlags.addFlags(cmd)
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "run without asking")
	f.answer, f.start = ctrd.DefaultAnswerTimeout, ctrd.DefaultStartTimeout
	cmd.Flags().Var(duration{&f.answer}, "shim-timeout", "how long to wait for a container's shim that doesn't answer, as `30s`")
	cmd.Flags().Var(duration{&f.start}, "start-timeout", "how long a runtime, with its hooks, may take to start a process, as `2m`")
	f.addRunFlags(cmd)
}

// addRunFlags are the flags that say how a plan is run.
func (f *applyFlags) addRunFlags(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.parallel, "parallelism", 4, "how many steps, `N`, are under way at once")
	cmd.Flags().Var(duration{&f.wait}, "lock-timeout", "how long to wait for another apply of this stack, as `30s`; 0s: fail at once")
}

func applyCommand(a *app) *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use: "apply [PLANFILE]", Short: "make the host match the files", Args: cobra.MaximumNArgs(1),
		Long:    "apply plans, shows the plan, asks, and runs it. With PLANFILE it runs just that plan, or refuses if what it touches has moved.",
		Example: "  fairlead apply\n  fairlead apply --yes --var version=1.1\n  fairlead apply next.plan",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				for _, flag := range []string{"var", "var-file", "target", "exclude", "replace"} {
					if cmd.Flags().Changed(flag) {
						return fmt.Errorf("%s: a saved plan runs as it was made, so --%s can change nothing. Leave it out, or plan again", args[0], flag)
					}
				}
				return a.applySaved(cmd.Context(), args[0], &f)
			}
			return a.apply(cmd.Context(), &f)
		},
	}
	f.addFlags(cmd)
	cmd.Flags().StringVar(&f.confirm, "confirm-stack", "", "the stack's `NAME`, where all that the plan removes was applied from elsewhere: --yes is not enough then")
	return cmd
}

func destroyCommand(a *app) *cobra.Command {
	f := applyFlags{scopeFlags: scopeFlags{destroy: true}}
	cmd := &cobra.Command{
		Use: "destroy", Short: "remove all that the stack owns", Args: cobra.NoArgs,
		Long:    "destroy removes the containers and images of the stack. It reads the stack's name from the files and all else from the host: broken files and missing variables don't matter.",
		Example: "  fairlead destroy\n  fairlead destroy --target container.web\n  fairlead destroy --stack shop   # from any directory",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.apply(cmd.Context(), &f) },
	}
	f.addFlags(cmd)
	f.stackFlag(cmd)
	return cmd
}

// apply plans under the stack's lock, so that what is shown is what runs.
func (a *app) apply(ctx context.Context, f *applyFlags) (err error) {
	if err := f.mayAsk(); err != nil {
		return err
	}
	cfg, err := a.load(&f.scopeFlags)
	if err != nil {
		return err
	}
	w, session, end, err := a.beginSession(ctx, f.addTo(a.hostOptions(cfg)), cfg.Stack.Name)
	if err != nil {
		return err
	}
	defer w.Close()
	defer func() { err = errors.Join(err, end()) }()
	p, err := a.plan(session, cfg, w, &f.scopeFlags, f.answer)
	if err != nil {
		return err
	}
	if err := a.printPlan(stdout, p, f.destroy); err != nil {
		return err
	}
	if p.Empty() {
		return errors.Join(a.writePins(cfg, p), a.writeOutputs(session, cfg, w, f.destroy))
	}
	if !a.confirmPlan(session, f, p) {
		return exitCode(exitTrouble)
	}
	if err := a.writePins(cfg, p); err != nil {
		return err
	}
	if err := a.runPlan(session, p, w, f.parallel); err != nil {
		return err
	}
	return errors.Join(a.checkConverged(session, cfg, w, f, p), a.writeOutputs(session, cfg, w, f.destroy))
}

// addTo sets the timeouts that the flags name.
func (f *applyFlags) addTo(o ctrd.Options) ctrd.Options {
	o.LockWait, o.AnswerWait, o.StartWait = f.wait, f.answer, f.start
	return o
}

// beginSession opens the host for writing and takes the stack's lock. The returned end gives it back once.
func (a *app) beginSession(ctx context.Context, o ctrd.Options, stack string) (*ctrd.Writer, context.Context, func() error, error) {
	ctx, stop := a.untilInterrupted(ctx)
	w, err := ctrd.OpenWriter(ctx, o)
	if err != nil {
		stop()
		return nil, nil, nil, err
	}
	session, end, err := w.Begin(ctx, stack)
	if err != nil {
		w.Close()
		stop()
		return nil, nil, nil, err
	}
	return w, session, func() error {
		defer stop()
		return end(context.WithoutCancel(ctx))
	}, nil
}

// mayAsk refuses what would run unasked.
func (f *applyFlags) mayAsk() error {
	if f.yes || term.IsTerminal(int(os.Stdin.Fd())) {
		return nil
	}
	return errors.New("there is no terminal to ask on: look at `fairlead plan`, and then run again with --yes")
}

// askYesNo takes only "yes". An interrupt is a no.
func askYesNo(ctx context.Context, question string) bool {
	return askFor(ctx, question+` Only "yes" is taken:`, "yes")
}

// askFor takes only that answer. An interrupt is another one.
func askFor(ctx context.Context, question, wanted string) bool {
	defer program.whileAsking()()
	stderr.say("\n%s ", question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case line := <-answer:
		return line == wanted && ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// confirmStack asks for the stack's name where a plan removes all that was applied from elsewhere: that looks like two stacks of one name.
func (f *applyFlags) confirmStack(ctx context.Context, p *planner.Plan) bool {
	if p.Elsewhere == nil || f.confirm == p.Stack {
		return true
	}
	stderr.say("\nAll containers of stack %q that there are would be removed, and they were last applied from %s. Is this another stack of the same name? Then give it another name.\n", p.Stack, p.Elsewhere)
	switch {
	case f.confirm != "":
		stderr.say("--confirm-stack %s: the stack's name is %s\n", f.confirm, p.Stack)
	case !term.IsTerminal(int(os.Stdin.Fd())):
		stderr.say("To remove them all the same, run again with --confirm-stack %s\n", p.Stack)
	default:
		return askFor(ctx, "To remove them all the same, write the name of the stack:", p.Stack)
	}
	return false
}

// confirmPlan asks whether to run a plan, unless --yes answers that.
func (a *app) confirmPlan(ctx context.Context, f *applyFlags, p *planner.Plan) bool {
	if !f.confirmStack(ctx, p) {
		a.printNote("Nothing was done.")
		return false
	}
	question := "Run this step?"
	if n := len(p.Steps); n > 1 {
		question = fmt.Sprintf("Run these %d steps?", n)
	}
	if f.yes || p.Empty() || askYesNo(ctx, question) {
		return true
	}
	a.printNote("Nothing was done.")
	return false
}

// applySaved runs a saved plan verbatim, or refuses it object by object.
func (a *app) applySaved(ctx context.Context, path string, f *applyFlags) (err error) {
	p, err := readPlan(path)
	if err != nil {
		return err
	}
	if err := f.mayAsk(); err != nil {
		return err
	}
	f.scopeFlags = scopeFrom(p.From)
	if f.destroy {
		f.stack, f.saved = p.Stack, true
	}
	cfg, err := a.load(&f.scopeFlags)
	if err != nil {
		return err
	}
	if cfg.Stack.Name != p.Stack {
		return fmt.Errorf("%s: it is a plan of stack %q, and this directory is stack %q", path, p.Stack, cfg.Stack.Name)
	}
	o := f.addTo(a.hostOptions(cfg))
	if o.PlanFile, err = planFile(path); err != nil {
		return err
	}
	if o.Namespace != p.Namespace {
		return fmt.Errorf("%s: it was made for namespace %q, and this is %q", path, p.Namespace, o.Namespace)
	}
	w, session, end, err := a.beginSession(ctx, o, p.Stack)
	if err != nil {
		return err
	}
	defer w.Close()
	defer func() { err = errors.Join(err, end()) }()
	stale, err := a.whenKnown(session, f.answer, func() (hcl.Diagnostics, error) {
		have, err := w.Observe(session, cfg, ctrd.ObserveOptions{})
		if err != nil {
			return nil, err
		}
		return planner.Stale(p, have), nil
	})
	if err != nil {
		return err
	}
	if err := a.printDiagnostics(stale, cfg.Files); err != nil {
		return fmt.Errorf("%s: what it touches has moved since it was made: plan again", path)
	}
	if err := a.printSaved(p, f.destroy); err != nil {
		return err
	}
	if !a.confirmPlan(session, f, p) {
		return exitCode(exitTrouble)
	}
	if err := a.writePins(cfg, p); err != nil {
		return err
	}
	if !p.Empty() {
		if err := a.runPlan(session, p, w, f.parallel); err != nil {
			return err
		}
	}
	if digestOf(cfg) != p.From.Files {
		return nil // the files ask for something else by now, which is not this plan's to bring
	}
	return errors.Join(a.checkConverged(session, cfg, w, f, p), a.writeOutputs(session, cfg, w, f.destroy))
}

// printSaved shows a saved plan. What one without steps was made from may be long gone, so it says nothing of the host or the files.
func (a *app) printSaved(p *planner.Plan, end bool) error {
	if !p.Empty() || a.json {
		return a.printPlan(stdout, p, end)
	}
	stdout.say("No changes. The saved plan has no steps.\n")
	return nil
}

// runPlan runs the steps and shows how they go.
func (a *app) runPlan(ctx context.Context, p *planner.Plan, w *ctrd.Writer, parallel int) error {
	begin := time.Now()
	notify := func(e executor.Event) { view.EventJSON(stdout, p, e) }
	end := func() {}
	var progress *view.Progress
	if !a.json {
		progress = view.NewProgress(stderr, p, a.style(stderr), stderr.isTerminal(), a.quiet)
		notify, end = progress.Event, progress.End
	}
	err := executor.Apply(ctx, p, w, executor.Options{Parallel: parallel, Notify: notify})
	end()
	w.EndBuilder(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	if !a.json {
		stdout.say("%s\n", view.Done(p, progress.Left(), time.Since(begin)))
	}
	return nil
}

// checkConverged plans again after a plan was run: an apply after which something differs has failed.
func (a *app) checkConverged(ctx context.Context, cfg *spec.Config, w *ctrd.Writer, f *applyFlags, ran *planner.Plan) error {
	again := f.scopeFlags
	again.replace, again.again = nil, true
	p, err := a.plan(ctx, cfg, w, &again, f.answer)
	if err != nil {
		return err
	}
	if p.Empty() {
		return nil
	}
	if err := a.printPlan(stderr, p, f.destroy); err != nil {
		return err
	}
	if ran.Empty() {
		return errors.New("the saved plan has no steps, and the host differs by now as shown above: plan again")
	}
	return errors.New("the steps ran, and the host still differs as shown above: this apply has failed")
}

// writePins adds to the lock file what the plan resolved.
func (a *app) writePins(cfg *spec.Config, p *planner.Plan) error {
	if len(p.Pins) == 0 {
		return nil
	}
	lock := spec.Lock{}
	maps.Copy(lock, cfg.Lock)
	maps.Copy(lock, p.Pins)
	cfg.Lock = lock
	return lock.Write(a.dir)
}

// writeOutputs shows the stack's outputs.
func (a *app) writeOutputs(ctx context.Context, cfg *spec.Config, w observer, destroyed bool) error {
	if destroyed || a.json || len(cfg.Outputs) == 0 {
		return nil
	}
	outputs, err := a.outputs(ctx, cfg, w)
	if err != nil {
		return err
	}
	stdout.say("\nOutputs:\n")
	for _, o := range outputs {
		stdout.say("  %s = %s\n", o.Name, view.WholeWords(view.Output(o)))
	}
	return nil
}
