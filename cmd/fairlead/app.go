package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/containerd/log"
	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/fairlead-dev/fairlead/cmd/internal/view"
	"github.com/fairlead-dev/fairlead/executor/ctrd"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// defaultBuilderCache is enough for the layers of a few large images.
const defaultBuilderCache = "10GiB"

// app is what the global flags say.
type app struct {
	dir, address, namespace, dataRoot, logLevel string
	builder, builderCache                       string
	command                                     string // as "engine start"
	lost                                        string // file of what can't be written; "": none yet
	json, noColor, quiet, trust                 bool
	cacheBytes                                  int64           // builderCache
	warned                                      map[string]bool // warnings that were told: an apply plans twice
}

func (a *app) setup() error {
	root, err := filepath.Abs(a.dataRoot)
	if err != nil {
		return fmt.Errorf("--data-root %s: %w", a.dataRoot, err)
	}
	if strings.ContainsFunc(root, unicode.IsControl) || !utf8.ValidString(root) {
		return fmt.Errorf("--data-root %q: it must be text without control characters", root)
	}
	a.dataRoot = root
	if a.cacheBytes, err = spec.ParseSize(a.builderCache); err != nil {
		return fmt.Errorf("--builder-cache %s: %w", a.builderCache, err)
	}
	log.L.Logger.SetOutput(stderr)
	if a.json {
		log.L.Logger.SetFormatter(logDocument{})
	}
	if err := log.SetLevel(a.logLevel); err != nil {
		return fmt.Errorf("--log-level %s: not a level; there are error, warn, info, debug and trace", a.logLevel)
	}
	return nil
}

// logDocument writes a line of containerd's or BuildKit's client as a document.
type logDocument struct{}

func (logDocument) Format(e *log.Entry) ([]byte, error) {
	fields := make(map[string]string, len(e.Data))
	for k, v := range e.Data {
		fields[k] = fmt.Sprint(v)
	}
	b, err := json.Marshal(map[string]any{"format": "fairlead.log", "version": view.Version, "at": e.Time, "level": e.Level.String(), "message": e.Message, "fields": fields})
	return append(b, '\n'), err
}

// scopeFlags are the flags of plan, apply and destroy that say what a plan is about.
type scopeFlags struct {
	vars, varFiles             []string
	targets, excludes, replace []string
	destroy, adopt, again      bool
	saved                      bool     // the stack is that of a saved plan
	stack                      string   // what ends, whatever the files say; "": they say it
	environ                    []string // more of the environment, of a saved plan
}

// plannedFrom is what a plan is made from.
func (n *scopeFlags) plannedFrom(cfg *spec.Config, o planner.Options) planner.PlannedFrom {
	m := planner.PlannedFrom{Vars: n.vars, Targets: o.Targets, Excludes: o.Excludes, Destroy: n.destroy, Files: digestOf(cfg)}
	for _, f := range n.varFiles {
		if abs, err := filepath.Abs(f); err == nil {
			f = abs
		}
		m.VarFiles = append(m.VarFiles, f)
	}
	for _, kv := range os.Environ() {
		if strings.HasPrefix(kv, spec.VarPrefix) {
			m.Environ = append(m.Environ, kv)
		}
	}
	return m
}

// scopeFrom gives the flags that plannedFrom noted.
func scopeFrom(m planner.PlannedFrom) scopeFlags {
	n := scopeFlags{vars: m.Vars, varFiles: m.VarFiles, destroy: m.Destroy, environ: m.Environ}
	for _, a := range m.Targets {
		n.targets = append(n.targets, a.String())
	}
	for _, a := range m.Excludes {
		n.excludes = append(n.excludes, a.String())
	}
	return n
}

// digestOf tells whether a stack's files are the same.
func digestOf(cfg *spec.Config) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(cfg.Files)) {
		if name != spec.LockFile { // an apply writes it
			fmt.Fprintf(h, "%s %d %s\n", name, len(cfg.Files[name].Bytes), cfg.Files[name].Bytes)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (n *scopeFlags) addInputFlags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&n.vars, "var", nil, "a variable, as `NAME=VALUE`")
	cmd.Flags().StringArrayVar(&n.varFiles, "var-file", nil, "a `FILE` of variables")
}

func (n *scopeFlags) addFlags(cmd *cobra.Command) {
	n.addInputFlags(cmd)
	target, exclude := "only this `ADDRESS` and what it refers to", "not this `ADDRESS`, nor what refers to it"
	if n.destroy {
		target, exclude = "only this `ADDRESS`", "not this `ADDRESS`, nor what it refers to"
	}
	cmd.Flags().StringArrayVar(&n.targets, "target", nil, target)
	cmd.Flags().StringArrayVar(&n.excludes, "exclude", nil, exclude)
	cmd.Flags().BoolVar(&n.adopt, "adopt", false, "adopt this stack's containers that another host or data root marked")
	if !n.destroy {
		cmd.Flags().StringArrayVar(&n.replace, "replace", nil, "replace the container, or build the image again, at this `ADDRESS`, whatever the comparison says")
	}
}

func (n *scopeFlags) planOptions() (planner.Options, error) {
	o := planner.Options{Destroy: n.destroy, Adopt: n.adopt, Again: n.again, NewID: newID}
	for _, f := range []struct {
		texts []string
		addrs *[]spec.Addr
	}{{n.targets, &o.Targets}, {n.excludes, &o.Excludes}, {n.replace, &o.Replaces}} {
		for _, t := range f.texts {
			addr, err := spec.ParseAddr(t)
			if err != nil {
				return o, err
			}
			*f.addrs = append(*f.addrs, addr)
		}
	}
	return o, nil
}

// stackFlag names the stack that ends, where the files can't.
func (n *scopeFlags) stackFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&n.stack, "stack", "", "the `NAME` of the stack that ends, whatever the files say; its namespace is that of the files, --namespace or default")
}

// nothingOf says of a stack that is named by hand that nothing is its, and which stacks there are.
func (n *scopeFlags) nothingOf(have *planner.State) error {
	if n.stack == "" || n.again || n.saved {
		return nil
	}
	stacks := have.Stacks()
	if slices.Contains(stacks, n.stack) {
		return nil
	}
	there := "There is no stack in it"
	if len(stacks) > 0 {
		there = "There is: " + strings.Join(quoteAll(stacks), ", ")
	}
	if hint := spec.DidYouMean(n.stack, stacks); hint != "" {
		return fmt.Errorf("stack %q: nothing in namespace %s is its. %s.%s", n.stack, have.Namespace, there, hint)
	}
	return fmt.Errorf("stack %q: nothing in namespace %s is its. %s", n.stack, have.Namespace, there)
}

// quoteAll puts each text between quotes.
func quoteAll(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = strconv.Quote(t)
	}
	return out
}

// newID makes a container ID as docker and nerdctl do: 64 hex digits.
func newID() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, by its documentation
	return hex.EncodeToString(b)
}

// load reads the stack, and tells what is wrong with it.
func (a *app) load(n *scopeFlags) (*spec.Config, error) {
	cfg, diags := a.parse(n)
	return cfg, a.printDiagnostics(diags, cfg.Files)
}

// parse reads all that a plan needs: of a stack whose end it is, the name alone.
func (a *app) parse(n *scopeFlags) (*spec.Config, hcl.Diagnostics) {
	in := spec.Inputs{Vars: n.vars, VarFiles: n.varFiles, Environ: append(os.Environ(), n.environ...), Namespace: a.namespace, Stack: n.stack, Trust: a.trust, Version: releaseName()}
	if n.destroy {
		return spec.LoadStack(a.dir, in)
	}
	return spec.Load(a.dir, in)
}

// releaseName is the version for stack.requires; a development build is fit for all.
func releaseName() string {
	if version == "dev" || len(version) < 2 || version[0] != 'v' {
		return ""
	}
	return version[1:]
}

// unseenWarnings leaves out the warnings that were printed before: an apply plans twice.
func (a *app) unseenWarnings(diags hcl.Diagnostics) hcl.Diagnostics {
	return slices.DeleteFunc(slices.Clone(diags), func(d *hcl.Diagnostic) bool {
		if d.Severity != hcl.DiagWarning {
			return false
		}
		key := fmt.Sprint(d.Subject, d.Summary, "\n", d.Detail)
		told := a.warned[key]
		if a.warned == nil {
			a.warned = map[string]bool{}
		}
		a.warned[key] = true
		return told
	})
}

// printDiagnostics writes diagnostics, a warning once; the error is non-nil if one of them is an error.
func (a *app) printDiagnostics(diags hcl.Diagnostics, files map[string]*hcl.File) error {
	diags = a.unseenWarnings(diags)
	if len(diags) == 0 {
		return nil
	}
	var err error
	if a.json {
		err = view.DiagnosticsJSON(stderr, diags)
	} else {
		err = view.Diagnostics(stderr, diags, files, a.style(stderr))
	}
	if err != nil {
		return err
	}
	if diags.HasErrors() {
		return exitCode(exitTrouble)
	}
	return nil
}

func (a *app) hostOptions(cfg *spec.Config) ctrd.Options {
	o := ctrd.Options{Address: a.address, Namespace: a.namespace, DataRoot: a.dataRoot, Origin: originOf(a.dir), Builder: a.builder, CacheBytes: a.cacheBytes}
	if cfg != nil {
		o.Registries = cfg.Registries
		o.Namespace = cmp.Or(o.Namespace, cfg.Stack.Namespace)
	}
	o.Namespace = cmp.Or(o.Namespace, "default")
	return o
}

// plan is the pipeline's middle: found, and what must happen. For at most that wait it looks again where a container's process isn't known.
func (a *app) plan(ctx context.Context, cfg *spec.Config, host observer, n *scopeFlags, wait time.Duration) (*planner.Plan, error) {
	o, err := n.planOptions()
	if err != nil {
		return nil, err
	}
	o.Origin = originOf(a.dir)
	var p *planner.Plan
	diags, err := a.whenKnown(ctx, wait, func() (hcl.Diagnostics, error) {
		have, found, err := a.find(ctx, cfg, host, o)
		if err != nil {
			return nil, err
		}
		if err := n.nothingOf(have); err != nil {
			return nil, err
		}
		made, diags := planner.Make(cfg, have, found, o)
		p = made
		return diags, nil
	})
	if err != nil {
		return nil, err
	}
	if p != nil {
		p.From = n.plannedFrom(cfg, o)
	}
	return p, a.printDiagnostics(diags, cfg.Files)
}

// whenKnown looks until nothing but a container's unknown process is wrong no more, for at most that wait.
func (a *app) whenKnown(ctx context.Context, wait time.Duration, look func() (hcl.Diagnostics, error)) (hcl.Diagnostics, error) {
	for end := (time.Time{}); ; {
		diags, err := look()
		unknown := planner.UnknownTasks(diags)
		if err != nil || len(unknown) == 0 || wait <= 0 {
			return diags, err
		}
		switch now := time.Now(); {
		case end.IsZero():
			end = now.Add(wait)
			a.printNote("Waiting at most %s for what doesn't answer: %s", wait, strings.Join(unknown, "; "))
		case now.After(end):
			return diags, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}

// printPlan shows a plan; end tells that the plan destroys the stack.
func (a *app) printPlan(w terminal, p *planner.Plan, end bool) error {
	switch {
	case a.json:
		return view.PlanJSON(w, p)
	case end && p.Empty():
		_, err := fmt.Fprintln(w, "No changes. There is nothing to destroy.")
		return err
	}
	return view.Plan(w, p, a.style(w))
}
