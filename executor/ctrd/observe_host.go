package ctrd

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	introspectionapi "github.com/containerd/containerd/api/services/introspection/v1"
	namespacesapi "github.com/containerd/containerd/api/services/namespaces/v1"
	"github.com/containerd/containerd/v2/defaults"
	"github.com/containerd/platforms"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-dev/fairlead/executor/machine"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// host finds out what the daemon and the machine can do.
func (r *Reader) host(ctx context.Context, cfg *spec.Config) (planner.Host, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	h := planner.Host{Daemon: r.version, Platform: r.platform}
	h.Native = append([]string{h.Platform}, machine.CompatiblePlatforms(h.Platform)...)
	h.Runtimes = r.runtimes(cfg)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { h.Snapshotters, err = r.snapshotters(ctx); return err })
	g.Go(func() (err error) { h.RestartPolicies, err = r.restartPolicies(ctx); return err })
	g.Go(func() (err error) { h.Snapshotter, err = r.defaultSnapshotter(ctx); return err })
	g.Go(func() (err error) {
		h.Emulators, err = emulators(ctx, foreignPlatforms(namedPlatforms(cfg), h.Native))
		return err
	})
	err := g.Wait()
	h.Runs = hostRuns(h)
	return h, err
}

// HostPlatform is the platform of this machine, normalised, as linux/amd64.
func HostPlatform() string {
	own := platforms.DefaultSpec()
	p, _ := spec.PlatformName(&own)
	return p
}

func (r *Reader) snapshotters(ctx context.Context) ([]string, error) {
	got, err := r.plugins.Plugins(ctx, &introspectionapi.PluginsRequest{Filters: []string{"type==io.containerd.snapshotter.v1"}})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range got.Plugins {
		if p.InitErr == nil {
			out = append(out, p.ID)
		}
	}
	slices.Sort(out)
	return out, nil
}

// restartPolicies gives the restart policies that the daemon's monitor keeps; it is asked once.
func (r *Reader) restartPolicies(ctx context.Context) ([]string, error) {
	r.policies.Lock()
	defer r.policies.Unlock()
	if r.policies.known != nil {
		return r.policies.known, nil
	}
	got, err := r.plugins.Plugins(ctx, &introspectionapi.PluginsRequest{Filters: []string{"id==restart"}})
	if err != nil {
		return nil, err
	}
	known := []string{spec.RestartNo}
	for _, p := range got.Plugins {
		switch {
		case p.InitErr != nil:
		case len(p.Capabilities) == 0: // a daemon before 1.7: its monitor starts again whatever has ended, and reads no policy
			known = append(known, spec.RestartAlways)
		default:
			known = append(known, p.Capabilities...)
		}
	}
	r.policies.known = known
	return known, nil
}

// Plugin is a part of the daemon.
type Plugin struct {
	Type    string
	ID      string
	Exports map[string]string
	Works   bool
}

// Plugins gives all parts of the daemon.
func (r *Reader) Plugins(ctx context.Context) ([]Plugin, error) {
	got, err := r.plugins.Plugins(ctx, &introspectionapi.PluginsRequest{})
	if err != nil {
		return nil, r.gone("asking for its plugins", err)
	}
	var out []Plugin
	for _, p := range got.Plugins {
		out = append(out, Plugin{Type: p.Type, ID: p.ID, Exports: p.Exports, Works: p.InitErr == nil})
	}
	return out, nil
}

func (r *Reader) defaultSnapshotter(ctx context.Context) (string, error) {
	got, err := r.spaces.Get(ctx, &namespacesapi.GetNamespaceRequest{Name: r.opts.Namespace})
	if err != nil && status.Code(err) != codes.NotFound {
		return "", err
	}
	if s := got.GetNamespace().GetLabels()[defaults.DefaultSnapshotterNSLabel]; s != "" {
		return s, nil
	}
	return defaults.DefaultSnapshotter, nil
}

// runtimes gives those of the wanted runtimes, and of the default one, that the daemon can start: it looks for their shims as
// containerd does. Where the daemon's process is out of sight, each is taken to be there.
func (r *Reader) runtimes(cfg *spec.Config) []string {
	wanted := []string{spec.DefaultRuntime}
	for _, c := range spec.Of[*spec.Container](cfg) {
		if c.Runtime != "" {
			wanted = append(wanted, c.Runtime)
		}
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	dirs, sighted := machine.ProgramDirs(r.pid)
	return slices.DeleteFunc(wanted, func(name string) bool { return sighted && !hasShim(name, dirs) })
}

// hasShim looks for a runtime's shim: io.containerd.runc.v2 is started by containerd-shim-runc-v2.
func hasShim(name string, dirs []string) bool {
	if filepath.IsAbs(name) {
		return machine.IsProgram(name)
	}
	parts := strings.Split(name, ".")
	if len(parts) < 2 {
		return false
	}
	bin := "containerd-shim-" + parts[len(parts)-2] + "-" + parts[len(parts)-1]
	return slices.ContainsFunc(dirs, func(d string) bool { return machine.IsProgram(filepath.Join(d, bin)) })
}
