package main

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/fairlead-dev/fairlead/cmd/internal/view"
	"github.com/fairlead-dev/fairlead/executor/ctrd"
	"github.com/fairlead-dev/fairlead/executor/sources"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// observer is what both a reader and a writer of the host can do.
type observer interface {
	Observe(ctx context.Context, cfg *spec.Config, o ctrd.ObserveOptions) (*planner.State, error)
	Answer(ctx context.Context, stack string, s *planner.State, q planner.Questions) error
	Options() ctrd.Options
	sources.Host
}

// find reads both halves that a plan is made from: what the host says, and, unless the stack ends, what the files' side says. The two are read
// side by side, from when the host's image records are known.
func (a *app) find(ctx context.Context, cfg *spec.Config, host observer, o planner.Options) (*planner.State, *planner.Sources, error) {
	var have *planner.State
	found := &planner.Sources{}
	records := make(chan map[string]*planner.LiveImage, 1)
	var g errgroup.Group
	g.Go(func() (err error) {
		defer close(records)
		have, err = host.Observe(ctx, cfg, ctrd.ObserveOptions{Records: records})
		return err
	})
	if !o.Destroy {
		g.Go(func() (err error) {
			if images, listed := <-records; listed {
				found, err = sources.Read(ctx, cfg, images, host, a.sourceOptions(host.Options()))
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	return have, found, host.Answer(ctx, cfg.Stack.Name, have, planner.QuestionsOf(cfg, have, found, o))
}

// sourceOptions say how the files' side is read beside a host.
func (a *app) sourceOptions(host ctrd.Options) sources.Options {
	o := sources.Options{Platform: ctrd.HostPlatform(), CacheDir: host.CacheDir(), OwnFiles: host.OwnFiles(), Key: host.Key}
	if !a.quiet && !a.json {
		o.Hashing = view.Hashing(stderr, a.style(stderr))
	}
	return o
}
