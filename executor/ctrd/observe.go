package ctrd

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/images"
	"golang.org/x/sync/errgroup"

	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

// ObserveOptions say how much to read.
type ObserveOptions struct {
	All bool // read back the containers of everybody, and not only those of fairlead and those to be adopted

	// Records is sent the image records as soon as they are listed, so that the files' side can be read beside the rest. It must have room for
	// one. What is sent says nothing yet of content, and mustn't be changed. nil: nobody waits.
	Records chan<- map[string]*planner.LiveImage
}

// reading is what the few list calls of an observation bring.
type reading struct {
	containers []*containers.Container
	tasks      *tasksapi.ListTasksResponse
	images     map[string]images.Image
	signer     mark.Signer
	names      map[string]bool // of containers, which matter to what is wanted; nil: all
}

// Observe reads the host once. cfg says what is wanted, so that only what matters to it is looked into; nil: nothing is.
func (r *Reader) Observe(ctx context.Context, cfg *spec.Config, o ObserveOptions) (s *planner.State, err error) {
	err = r.whileAnswering(r.in(ctx), "reading the host", func(ctx context.Context) error {
		s, err = r.observe(ctx, cfg, o)
		return err
	})
	return s, err
}

func (r *Reader) observe(ctx context.Context, cfg *spec.Config, o ObserveOptions) (*planner.State, error) {
	if cfg == nil {
		cfg = &spec.Config{}
	}
	s := &planner.State{Namespace: r.opts.Namespace}
	var g errgroup.Group
	g.Go(func() (err error) { s.Host, err = r.host(ctx, cfg); return err }) // it may run programs of other platforms, which takes longest
	got, err := r.lists(ctx)
	if err != nil {
		_ = g.Wait() // what the lists say is said
		return nil, r.gone("reading the host", err)
	}
	s.At, s.Images = time.Now().Round(0).UTC(), liveImages(got.images)
	if o.Records != nil {
		o.Records <- s.Images
	}
	got.signer, got.names = mark.ReadSigner(r.opts.Namespace, r.paths.Key()), wantedNames(cfg, o)
	g.Go(func() (err error) { s.Containers, err = r.readContainers(ctx, got, wantsRead(cfg, o)); return err })
	g.Go(func() error { return r.readPlatforms(ctx, s, got.images, wantedRecords(cfg)) })
	g.Go(func() error { return r.readImageConfigs(ctx, cfg, s, got.images, got.containers) })
	if err := g.Wait(); err != nil {
		return nil, r.gone("reading the host", err)
	}
	return s, nil
}

// lists makes the list calls, all at once.
func (r *Reader) lists(ctx context.Context) (*reading, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	var got reading
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { got.containers, err = r.listContainers(ctx); return err })
	g.Go(func() (err error) { got.tasks, err = r.tasks.List(ctx, &tasksapi.ListTasksRequest{}); return err })
	g.Go(func() (err error) { got.images, err = r.listImages(ctx); return err })
	return &got, g.Wait()
}

// listTimeout bounds the lists of a host with thousands of objects.
const listTimeout = 2 * time.Minute

func (r *Reader) listContainers(ctx context.Context) ([]*containers.Container, error) {
	stream, err := r.containers.ListStream(ctx, &containersapi.ListContainersRequest{})
	if err != nil {
		return nil, err
	}
	var out []*containers.Container
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			slices.SortFunc(out, func(a, b *containers.Container) int { return strings.Compare(a.ID, b.ID) })
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, containerRecord(m.Container))
	}
}

func (r *Reader) listImages(ctx context.Context) (map[string]images.Image, error) {
	all, err := r.images.List(ctx, &imagesapi.ListImagesRequest{})
	if err != nil {
		return nil, err
	}
	out := make(map[string]images.Image, len(all.Images))
	for _, i := range all.Images {
		out[i.Name] = record(i)
	}
	return out, nil
}

// wantsRead tells of which containers the specs are read back.
func wantsRead(cfg *spec.Config, o ObserveOptions) func(*containers.Container) bool {
	imported := cfg.Imported(spec.KindContainer)
	return func(c *containers.Container) bool {
		if owner := mark.OwnerOf(c.Labels, c.ID); o.All || owner != nil && owner.Stack == cfg.Stack.Name && extended(c) {
			return true
		}
		for _, id := range imported {
			if c.ID == id || nameOf(c.Labels) == id || len(id) >= 6 && strings.HasPrefix(c.ID, id) {
				return true
			}
		}
		return false
	}
}

// wantedNames are the names of containers that a plan for cfg looks at; nil: all matter.
func wantedNames(cfg *spec.Config, o ObserveOptions) map[string]bool {
	if o.All {
		return nil
	}
	out := map[string]bool{}
	for _, c := range spec.Of[*spec.Container](cfg) {
		out[c.Name] = true
	}
	for _, im := range cfg.Imports {
		out[im.ID] = true
	}
	return out
}

// wantedRecords are the names of image records that a plan for cfg looks at.
func wantedRecords(cfg *spec.Config) []string {
	var out []string
	for _, im := range spec.Of[*spec.Image](cfg) {
		out = append(append(out, im.Name), im.Tags...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
