package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairlead-dev/fairlead/cmd/internal/view"
	"github.com/fairlead-dev/fairlead/executor/ctrd"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// listed is a kind of listing: its JSON document and its table come from the same rows.
type listed struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Rows    any    `json:"rows"`
}

type containerRow struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Stack   string `json:"stack,omitempty"`
	Address string `json:"address,omitempty"`
	Image   string `json:"image"`
	Digest  string `json:"digest,omitempty"`
	State   string `json:"state"`
	PID     uint32 `json:"pid,omitempty"`
	Exit    uint32 `json:"exit_code,omitempty"`
	Shim    uint32 `json:"shim,omitempty"`
	Ready   bool   `json:"ready"`
	Created string `json:"created"`
}

type imageRow struct {
	Name      string   `json:"name"`
	Digest    string   `json:"digest"`
	Stack     string   `json:"stack,omitempty"`
	Address   string   `json:"address,omitempty"`
	Platforms []string `json:"platforms"`
}

// observe reads the host for the stack of the directory. Who only looks needs no variables, and no files without errors: the stack's
// name is enough, and for all stacks not even that.
func (a *app) observe(ctx context.Context, all bool) (*spec.Config, *planner.State, error) {
	cfg, diags := a.parse(&scopeFlags{})
	if cfg.Stack.Name == "" && !all {
		return nil, nil, a.printDiagnostics(diags, cfg.Files)
	}
	r, err := ctrd.OpenReader(ctx, a.hostOptions(cfg))
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	have, err := r.Observe(ctx, &spec.Config{Stack: cfg.Stack}, ctrd.ObserveOptions{})
	return cfg, have, err
}

// listing is a command that lists objects: as a JSON document, by their IDs alone, or as a table.
type listing[R any] struct {
	use, objects string
	header       []string
	rows         func(stack string, have *planner.State, all bool) []R
	id           func(R) string
	cells        func(R) []string
}

func (l listing[R]) command(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: l.use, Short: "list the stack's " + l.objects, Args: cobra.NoArgs,
		Example: "  fairlead " + l.use + "\n  fairlead " + l.use + " -a --json   # those of others, too",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, have, err := a.observe(cmd.Context(), all)
			if err != nil {
				return err
			}
			rows := l.rows(cfg.Stack.Name, have, all)
			switch {
			case a.json:
				return view.JSON(stdout, listed{"fairlead." + l.use, view.Version, rows})
			case a.quiet:
				return printIDs(rows, l.id)
			}
			return printTable(l.header, rows, l.cells)
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "also what is not of this stack")
	return cmd
}

// containerListing is the command ps.
var containerListing = listing[containerRow]{
	use: "ps", objects: "containers", rows: containerRows, id: func(r containerRow) string { return r.ID },
	header: []string{"NAME", "ADDRESS", "IMAGE", "STATE", "CREATED", "ID"},
	cells: func(r containerRow) []string {
		state := r.State
		switch r.State {
		case "none":
			state = "no process"
		case "stopped":
			state = fmt.Sprintf("stopped (%d)", r.Exit)
		}
		if !r.Ready && r.Stack != "" {
			state += ", not ready"
		}
		return []string{cmp.Or(r.Name, "-"), cmp.Or(r.Address, "-"), r.Image, state, r.Created, fmt.Sprintf("%.12s", r.ID)}
	},
}

// imageListing is the command images.
var imageListing = listing[imageRow]{
	use: "images", objects: "images", rows: imageRows, id: func(r imageRow) string { return r.Digest },
	header: []string{"NAME", "ADDRESS", "DIGEST"},
	cells: func(r imageRow) []string {
		return []string{r.Name, cmp.Or(r.Address, "-"), fmt.Sprintf("%.19s", r.Digest)}
	},
}

func containerRows(stack string, have *planner.State, all bool) []containerRow {
	rows := []containerRow{}
	for _, c := range have.Containers {
		mine := c.Owner != nil && c.Owner.Stack == stack
		if !mine && !all {
			continue
		}
		row := containerRow{ID: c.ID, Name: c.Name, Image: c.Image, Digest: c.Digest, State: cmp.Or(string(c.Task.Status), "none"),
			PID: c.Task.PID, Exit: c.Task.ExitCode, Shim: c.Task.Shim, Ready: !c.Pending, Created: c.CreatedAt.UTC().Format(time.RFC3339)}
		if c.Owner != nil {
			row.Stack, row.Address = c.Owner.Stack, c.Owner.Addr.String()
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b containerRow) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return rows
}

func imageRows(stack string, have *planner.State, all bool) []imageRow {
	rows := []imageRow{}
	for _, img := range have.Images {
		if mine := img.Owner != nil && img.Owner.Stack == stack; !mine && !all {
			continue
		}
		row := imageRow{Name: img.ID, Digest: img.Digest, Platforms: img.Platforms}
		if img.Owner != nil {
			row.Stack, row.Address = img.Owner.Stack, img.Owner.Addr.String()
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b imageRow) int { return cmp.Compare(a.Name, b.Name) })
	return rows
}

// printTable writes rows below each other, in columns.
func printTable[R any](header []string, rows []R, cells func(R) []string) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	write := func(row []string) {
		for i, cell := range row {
			row[i] = view.Line(cell)
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	write(header)
	for _, r := range rows {
		write(cells(r))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	stdout.say("%s", view.WholeWords(b.String()))
	return nil
}

// printIDs writes what identifies each row, one a line.
func printIDs[R any](rows []R, id func(R) string) error {
	for _, r := range rows {
		if _, err := fmt.Fprintln(stdout, view.Line(id(r))); err != nil {
			return err
		}
	}
	return nil
}

func showCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show [PLANFILE]", Short: "show a saved plan, or what the stack owns", Args: cobra.MaximumNArgs(1),
		Example: "  fairlead show\n  fairlead show next.plan",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				p, err := readPlan(args[0])
				if err != nil {
					return err
				}
				return a.printPlan(stdout, p, false)
			}
			cfg, have, err := a.observe(cmd.Context(), false)
			if err != nil {
				return err
			}
			containers, images := containerRows(cfg.Stack.Name, have, false), imageRows(cfg.Stack.Name, have, false)
			if a.json {
				return view.JSON(stdout, map[string]any{"format": "fairlead.show", "version": view.Version, "containers": containers, "images": images})
			}
			for _, img := range images {
				stdout.say("%s", view.WholeWords(fmt.Sprintf("%s\n  name   = %q\n  digest = %q\n", view.Line(img.Address), img.Name, img.Digest)))
			}
			for _, c := range containers {
				stdout.say("%s", view.WholeWords(fmt.Sprintf("%s\n  name  = %q\n  id    = %q\n  image = %q\n  state = %q\n",
					view.Line(c.Address), c.Name, c.ID, c.Image+"@"+c.Digest, c.State)))
			}
			return nil
		},
	}
}

// outputs evaluates the outputs with what is there.
func (a *app) outputs(ctx context.Context, cfg *spec.Config, host observer) ([]*spec.Output, error) {
	have, err := host.Observe(ctx, cfg, ctrd.ObserveOptions{})
	if err != nil {
		return nil, err
	}
	outputs, diags := cfg.ReevaluateOutputs(planner.Values(cfg, have))
	return outputs, a.printDiagnostics(diags, cfg.Files)
}

func outputCommand(a *app) *cobra.Command {
	var n scopeFlags
	cmd := &cobra.Command{
		Use: "output [NAME]", Short: "show the stack's outputs", Args: cobra.MaximumNArgs(1),
		Example: "  fairlead output\n  curl $(fairlead output url)",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load(&n)
			if err != nil {
				return err
			}
			r, err := ctrd.OpenReader(cmd.Context(), a.hostOptions(cfg))
			if err != nil {
				return err
			}
			defer r.Close()
			outputs, err := a.outputs(cmd.Context(), cfg, r)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				i := slices.IndexFunc(outputs, func(o *spec.Output) bool { return o.Name == args[0] })
				if i < 0 {
					return fmt.Errorf("output %q: the files have none of that name", args[0])
				}
				return view.OutputAlone(stdout, outputs[i], a.json)
			}
			if a.json {
				return view.OutputsJSON(stdout, outputs)
			}
			for _, o := range outputs {
				stdout.say("%s = %s\n", o.Name, view.WholeWords(view.Output(o)))
			}
			return nil
		},
	}
	n.addInputFlags(cmd)
	return cmd
}
