package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairlead-dev/fairlead/cmd/internal/view"
	"github.com/fairlead-dev/fairlead/executor/ctrd"
	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/executor/sources"
	"github.com/fairlead-dev/fairlead/spec"
)

// pulledRefs are the references of a stack that a lock file can pin, sorted.
func pulledRefs(cfg *spec.Config) []string {
	var refs []string
	for _, img := range spec.Of[*spec.Image](cfg) {
		if img.Pull != "" && !strings.Contains(img.Pull, "@") {
			refs = append(refs, img.Pull)
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// resolvePins asks registries and servers what references and URLs stand for now. named has the URLs whole.
func resolvePins(ctx context.Context, hosts *registry.Hosts, keys []string, named sources.Named) (spec.Lock, error) {
	found := spec.Lock{}
	var errs []error
	for _, key := range keys {
		pin, err := pinOf(ctx, hosts, key, named)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found[key] = pin
	}
	return found, errors.Join(errs...)
}

func pinOf(ctx context.Context, hosts *registry.Hosts, key string, named sources.Named) (spec.Pin, error) {
	if spec.IsSource(key) {
		return named.Pin(ctx, key)
	}
	r, err := registry.Resolve(ctx, hosts, key)
	return spec.Pin{Digest: r.Digest, Platforms: r.Platforms}, err
}

// locking is one run of lock.
type locking struct {
	a      *app
	cfg    *spec.Config
	hosts  *registry.Hosts
	lock   spec.Lock
	only   []string // what is asked for again; none: all
	update bool
	done   map[string]bool // what was asked for
	rows   []movedRow
}

// keys are what a lock file can pin of the stack: references that it pulls, and what its Dockerfiles name.
func (l *locking) keys(named sources.Named) []string {
	keys := pulledRefs(l.cfg)
	for _, ref := range named.Images {
		if !strings.Contains(ref, "@") {
			keys = append(keys, ref)
		}
	}
	return append(keys, named.URLs()...)
}

// run pins what isn't pinned yet. What an image's ONBUILD instructions name is known once that image is pinned, so it looks again until
// there is nothing new.
func (l *locking) run(ctx context.Context) error {
	var errs []error
	for {
		l.cfg.Lock = l.lock
		named, err := sources.NamedByDockerfiles(ctx, l.cfg, l.hosts, ctrd.HostPlatform())
		if err != nil {
			return err
		}
		for ref, lines := range named.OnBuild {
			if pin, pinned := l.lock[ref]; pinned {
				pin.OnBuild = lines
				l.lock[ref] = pin
			}
		}
		keys := l.keys(named)
		ask := slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(keys))), func(key string) bool {
			_, pinned := l.lock[key]
			anew := l.update && (len(l.only) == 0 || slices.Contains(l.only, key))
			return l.done[key] || pinned && !anew
		})
		if len(ask) == 0 {
			if err := l.checkKeys(keys); err != nil {
				return err
			}
			if named.Whole {
				maps.DeleteFunc(l.lock, func(key string, _ spec.Pin) bool {
					return !slices.Contains(keys, key) && !slices.Contains(named.Images, key)
				})
			}
			slices.SortFunc(l.rows, func(a, b movedRow) int { return strings.Compare(a.Reference, b.Reference) })
			return errors.Join(append(errs, l.lock.Write(l.a.dir), l.a.writeMoved("fairlead.lock", l.rows))...)
		}
		errs = append(errs, l.resolveKeys(ctx, ask, named))
	}
}

// checkKeys refuses a reference or a URL that the stack doesn't have.
func (l *locking) checkKeys(keys []string) error {
	for _, key := range l.only {
		if !slices.Contains(keys, key) {
			return fmt.Errorf("%s: no image of the stack is pulled by that reference or built on it, and no ADD takes it; there are: %s", key, strings.Join(keys, ", "))
		}
	}
	return nil
}

func (l *locking) resolveKeys(ctx context.Context, keys []string, named sources.Named) error {
	var errs []error
	for _, key := range keys {
		l.done[key] = true
		old, pinned := l.lock[key]
		pin, err := pinOf(ctx, l.hosts, key, named)
		if err != nil {
			if !pinned && !slices.Contains(l.only, key) && slices.Contains(named.Images, key) { // it may be on the host alone
				l.a.printNote("%s is not pinned: %v", key, err)
				continue
			}
			errs = append(errs, err)
			continue
		}
		if was, now := old.Digest+old.Commit, pin.Digest+pin.Commit; was != now {
			l.rows = append(l.rows, movedRow{key, was, now})
		} else if pin.OnBuild == nil {
			pin.OnBuild = old.OnBuild
		}
		l.lock[key] = pin
	}
	return errors.Join(errs...)
}

func lockCommand(a *app) *cobra.Command {
	var update bool
	var n scopeFlags
	cmd := &cobra.Command{
		Use: "lock [REFERENCE|URL...]", Short: "pin image references, and what ADD takes from servers, in " + spec.LockFile,
		Long: "lock pins what is not pinned yet, and forgets what no block and no Dockerfile names. With --update it asks the registries and servers again, " +
			"for all or for the references and URLs given.",
		Example: "  fairlead lock\n  fairlead lock --update docker.io/library/nginx:1.27",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load(&n)
			if err != nil {
				return err
			}
			l := &locking{a: a, cfg: cfg, hosts: registry.NewHosts(cfg.Registries), lock: spec.Lock{}, update: update, rows: []movedRow{}, done: map[string]bool{}}
			maps.Copy(l.lock, cfg.Lock)
			for _, arg := range args {
				if !spec.IsSource(arg) {
					ref, err := spec.ParseReference(arg)
					if err != nil {
						return fmt.Errorf("%s: %w", arg, err)
					}
					arg = ref
				}
				l.only = append(l.only, spec.Shown(arg))
			}
			return l.run(cmd.Context())
		},
	}
	n.addInputFlags(cmd)
	cmd.Flags().BoolVar(&update, "update", false, "ask the registries and servers again for what is pinned")
	return cmd
}

// movedRow is a reference that stands for something else than the lock file says.
type movedRow struct {
	Reference string `json:"reference"`
	Pinned    string `json:"pinned"` // "": it wasn't
	Now       string `json:"now"`
}

func (a *app) writeMoved(format string, rows []movedRow) error {
	switch {
	case a.json:
		return view.JSON(stdout, listed{format, view.Version, rows})
	case a.quiet:
		return printIDs(rows, func(r movedRow) string { return r.Reference })
	}
	for _, r := range rows {
		if r.Pinned != "" {
			r.Now = r.Pinned + " -> " + r.Now
		}
		stdout.say("%s  %s\n", r.Reference, r.Now)
	}
	return nil
}

func outdatedCommand(a *app) *cobra.Command {
	var n scopeFlags
	cmd := &cobra.Command{
		Use: "outdated", Short: "list pinned references and URLs that stand for something else now", Args: cobra.NoArgs,
		Example: "  fairlead outdated && echo all is current   # exit 2 where something is outdated",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(&n)
			if err != nil {
				return err
			}
			hosts := registry.NewHosts(cfg.Registries)
			var named sources.Named
			if slices.ContainsFunc(slices.Collect(maps.Keys(cfg.Lock)), spec.IsSource) { // a password is in the Dockerfile alone
				if named, err = sources.NamedByDockerfiles(cmd.Context(), cfg, hosts, ctrd.HostPlatform()); err != nil {
					return err
				}
			}
			keys := slices.DeleteFunc(slices.Sorted(maps.Keys(cfg.Lock)), func(key string) bool { return strings.Contains(key, "@") && !spec.IsSource(key) })
			found, err := resolvePins(cmd.Context(), hosts, keys, named)
			rows := []movedRow{}
			for _, ref := range slices.Sorted(maps.Keys(found)) {
				was, now := cfg.Lock[ref].Digest+cfg.Lock[ref].Commit, found[ref].Digest+found[ref].Commit
				if was != now {
					rows = append(rows, movedRow{ref, was, now})
				}
			}
			if err := errors.Join(err, a.writeMoved("fairlead.outdated", rows)); err != nil || len(rows) == 0 {
				return err
			}
			if !a.json && !a.quiet {
				a.printNote("Take them with: fairlead lock --update")
			}
			return exitCode(exitChanges)
		},
	}
	n.addInputFlags(cmd)
	return cmd
}
