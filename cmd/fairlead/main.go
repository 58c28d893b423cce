// Command fairlead is plan and apply for containerd.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/machine"
)

// version is set by the build.
var version = "dev"

// The exit codes.
const (
	exitTrouble   = 1
	exitChanges   = 2 // plan --detailed-exitcode
	exitInterrupt = 130
)

// exitCode ends the program with a code and without a word; what was to be said has been.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func main() { os.Exit(execute()) }

func execute() (code int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(stderr, "fairlead: this is a bug in fairlead %s: %.200v. Please report it with the command and the files; with FAIRLEAD_TRACE=1 it says where it happened\n", version, p)
			if os.Getenv("FAIRLEAD_TRACE") != "" {
				fmt.Fprintf(stderr, "%s\n", debug.Stack())
			}
			code = exitTrouble
		}
	}()
	program.listen()
	a := &app{}
	err := a.root().ExecuteContext(context.Background())
	if lost := stdout.Err(); err == nil && !errors.Is(lost, syscall.EPIPE) {
		err = lost // a result that is not there whole is none
	}
	defer func() {
		if program.wasHeard() {
			code = exitInterrupt
		}
	}()
	var quiet exitCode
	var steps *executor.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &quiet):
		return int(quiet)
	case program.wasHeard() && errors.Is(err, context.Canceled) && !errors.As(err, &steps):
		err = errors.New("interrupted")
	}
	if a.json = a.json || slices.Contains(os.Args, "--json"); !a.json { // what the flags say may not have been read
		err = fmt.Errorf("fairlead: %w", err)
	}
	a.printReport(hcl.DiagError, err.Error())
	return exitTrouble
}

// withoutJSON are the commands that write nothing for programs, or have a form of their own for it.
var withoutJSON = []string{"init", "fmt", "graph", "completion"}

func (a *app) root() *cobra.Command {
	var showVersion bool
	cmd := &cobra.Command{
		Use:           "fairlead",
		Short:         "plan and apply for containerd",
		Long:          "fairlead reads the *.fairlead.hcl files of a directory, compares them with a live containerd, and makes the host match.",
		Example:       "  fairlead init && fairlead plan && fairlead apply",
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case showVersion:
				return a.version()
			case a.json:
				return noJSON(cmd)
			}
			return cmd.Help()
		},
	}
	cmd.Flags().BoolVar(&showVersion, "version", false, "show fairlead's version")
	f := cmd.PersistentFlags()
	f.StringVarP(&a.dir, "chdir", "C", ".", "the stack is in `DIR`")
	f.StringVar(&a.address, "address", envOr("CONTAINERD_ADDRESS", "/run/containerd/containerd.sock"), "`PATH` of containerd's socket; CONTAINERD_ADDRESS")
	f.StringVar(&a.namespace, "namespace", os.Getenv("CONTAINERD_NAMESPACE"), "containerd namespace `NAME`, in place of the stack's; CONTAINERD_NAMESPACE")
	f.StringVar(&a.dataRoot, "data-root", envOr("FAIRLEAD_DATA_ROOT", machine.DefaultDataRoot), "logs and the private engine are below `DIR`; FAIRLEAD_DATA_ROOT")
	f.StringVar(&a.builder, "builder", os.Getenv("BUILDKIT_HOST"), "`ADDRESS` of the buildkitd that builds, as unix:///run/buildkit/buildkitd.sock, or own; BUILDKIT_HOST")
	f.StringVar(&a.builderCache, "builder-cache", envOr("FAIRLEAD_BUILDER_CACHE", defaultBuilderCache), "a builder of fairlead's own keeps at most `SIZE` of its cache; FAIRLEAD_BUILDER_CACHE")
	f.BoolVar(&a.json, "json", false, "write JSON")
	f.BoolVar(&a.noColor, "no-color", os.Getenv("NO_COLOR") != "", "write no colours; NO_COLOR")
	f.StringVar(&a.logLevel, "log-level", "error", "show what containerd's client logs from `LEVEL` up: error, warn, info, debug, trace")
	f.BoolVar(&a.trust, "trust-files", false, "raise the limits of what the stack's files can ask for: you know who wrote them")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "show no progress; of a list, only the IDs")
	cmd.SetHelpFunc(help)
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w. %s --help lists what there is", err, c.CommandPath())
	})
	cmd.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if words := strings.Fields(cmd.CommandPath()); a.json && len(words) > 1 && slices.Contains(withoutJSON, words[1]) {
			return noJSON(cmd)
		}
		a.command = strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
		if err := a.setup(); err != nil {
			return err
		}
		if !strings.HasPrefix(a.command, "completion") && !strings.HasPrefix(a.command, "__") { // a shell reads these
			a.tellLost()
		}
		return nil
	}
	for _, g := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"Write files", []*cobra.Command{initCommand(a), validateCommand(a), fmtCommand(a), graphCommand(a)}},
		{"Plan and apply", []*cobra.Command{planCommand(a), applyCommand(a), destroyCommand(a), lockCommand(a), outdatedCommand(a)}},
		{"Look", []*cobra.Command{showCommand(a), outputCommand(a), containerListing.command(a), imageListing.command(a)}},
		{"Images by hand", []*cobra.Command{buildCommand(a), pullCommand(a), pushCommand(a), tagCommand(a), untagCommand(a), loadCommand(a), saveCommand(a), importCommand(a), pruneCommand(a)}},
		{"The host", []*cobra.Command{doctorCommand(a), engineCommand(a)}},
	} {
		cmd.AddGroup(&cobra.Group{ID: g.title, Title: g.title + ":"})
		for _, c := range g.commands {
			c.GroupID = g.title
		}
		cmd.AddCommand(g.commands...)
	}
	cmd.AddCommand(versionCommand(a))
	cmd.InitDefaultHelpCmd()
	for _, c := range cmd.Commands() {
		if c.Name() == "help" { // which works also where nothing else does
			c.PersistentPreRun, c.PersistentPreRunE = nil, func(cmd *cobra.Command, _ []string) error {
				if a.json {
					return noJSON(cmd)
				}
				return nil
			}
		}
	}
	return cmd
}

func noJSON(cmd *cobra.Command) error {
	return fmt.Errorf("%s: it writes no JSON. Leave --json out", cmd.CommandPath())
}

func envOr(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}
