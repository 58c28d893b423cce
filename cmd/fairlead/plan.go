package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairlead-dev/fairlead/executor/ctrd"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

func planCommand(a *app) *cobra.Command {
	var n scopeFlags
	var out, format string
	var detailed bool
	cmd := &cobra.Command{
		Use: "plan", Short: "show what would have to happen, and change nothing", Args: cobra.NoArgs,
		Example: "  fairlead plan\n  fairlead plan --out next.plan && fairlead apply next.plan\n  fairlead plan --detailed-exitcode   # 0: no changes, 2: changes, 1: trouble",
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch format {
			case "text":
			case "json":
				a.json = true
			default:
				return fmt.Errorf("--format %s: there are text and json", format)
			}
			if n.stack != "" && !n.destroy {
				return errors.New("--stack names a stack that ends: give it with --destroy")
			}
			if err := checkSavable(out); cmd.Flags().Changed("out") && err != nil {
				return fmt.Errorf("--out %w", err)
			}
			cfg, err := a.load(&n)
			if err != nil {
				return err
			}
			o := a.hostOptions(cfg)
			if o.PlanFile, err = planFile(out); err != nil {
				return err
			}
			r, err := ctrd.OpenReader(cmd.Context(), o)
			if err != nil {
				return err
			}
			defer r.Close()
			p, err := a.plan(cmd.Context(), cfg, r, &n, 0)
			if err != nil {
				return err
			}
			if err := a.printPlan(stdout, p, n.destroy); err != nil {
				return err
			}
			if out != "" {
				if err := savePlan(out, p); err != nil {
					return err
				}
				a.printNote("Saved. Run exactly this plan with: fairlead apply %s", out)
			}
			if detailed && !p.Empty() {
				return exitCode(exitChanges)
			}
			return nil
		},
	}
	n.addFlags(cmd)
	n.stackFlag(cmd)
	cmd.Flags().BoolVar(&n.destroy, "destroy", false, "plan the end of the stack")
	cmd.Flags().StringVar(&out, "out", "", "save the plan into this `FILE`, for apply; it holds what containers are given, secrets too")
	cmd.Flags().StringVar(&format, "format", "text", "`text` or json")
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit with 2 where there are changes")
	return cmd
}

// planFile is the absolute path of a saved plan; "" for none.
func planFile(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("saved plan %s: %w", path, err)
	}
	return abs, nil
}

// checkSavable tells whether a plan may be saved into a file. An error says why not.
func checkSavable(path string) error {
	if path == "" {
		return errors.New("must be the path of a file; got an empty one")
	}
	if strings.HasSuffix(path, ".hcl") {
		return fmt.Errorf("%s: must not end in .hcl, as the stack's own files do. Name another file", path)
	}
	return spec.Replaceable(path)
}

// savePlan writes a plan that only its owner can read.
func savePlan(path string, p *planner.Plan) error {
	err := spec.ReplaceFile(path, 0o600, func(w io.Writer) error { return planner.Encode(w, p) })
	if err != nil {
		return fmt.Errorf("saved plan %s: %w", path, err)
	}
	return nil
}

func readPlan(path string) (*planner.Plan, error) {
	f, err := spec.OpenRegular(path)
	if err != nil {
		return nil, fmt.Errorf("saved plan %s: %w", path, err)
	}
	defer f.Close()
	p, err := planner.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}
