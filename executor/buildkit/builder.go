package buildkit

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc/metadata"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/build"
	"github.com/fairlead-dev/fairlead/executor/registry"
	"github.com/fairlead-dev/fairlead/spec"
)

// Own asks, as Options.Host, for a buildkitd of fairlead's own, whatever else runs.
const Own = "own"

// Options say which builder, and for which containerd.
type Options struct {
	Host        string             // address of a buildkitd, as unix:///run/buildkit/buildkitd.sock; Own; "": one at the usual sockets, else Own
	Client      *containerd.Client // of the containerd that gets the images
	Address     string             // path of its socket
	Namespace   string             // in it
	Snapshotter string             // that the own buildkitd works with; "": overlayfs
	DataRoot    string             // the own buildkitd's root is below it
	KeepBytes   int64              // bound of the own buildkitd's cache; 0: BuildKit's default
	Registries  []*spec.Registry   // how to reach registries that need more than the host's own configuration
	Stack       string             // who builds, for those who wait
	Removed     func(id string)    // gets each container of a killed buildkitd that was removed, now or a while ago: its shim may stay; may be nil
}

// Builder builds images. It connects to its buildkitd, or starts it, when the first build needs it.
type Builder struct {
	o     Options
	hosts *registry.Hosts

	turn chan struct{} // held by who connects, starts or ends

	// What turn guards.
	conn *conn
	own  *daemon
}

// Request is one image to build.
type Request struct {
	Build     *spec.Build
	Platforms []string                      // none: the host's own; several give an index
	Record    string                        // image record that a builder on the same containerd makes; whatever it names is replaced
	Pins      map[string]string             // reference of an image in a registry → the one to take for it, with a digest
	Remotes   []spec.Remote                 // what ADD takes from servers, with the content to take
	Images    map[string]ocispec.Descriptor // named context, or what a FROM says, → image in containerd's content store
	Local     *build.Local                  // what was read of it on this side
	Key       string                        // under which the builder keeps what it is sent of directories, see Local.Prepare
}

// Result is what a build gave. All of its content is in containerd's content store, each document labelled with what it refers to.
type Result struct {
	Target ocispec.Descriptor
	Record string // image record that the builder made, which keeps the content; "": the lease of the call's context does
}

// New gives a builder that hasn't done anything yet.
func New(o Options) *Builder {
	if o.Snapshotter == "" {
		o.Snapshotter = "overlayfs"
	}
	b := &Builder{o: o, hosts: registry.NewHosts(o.Registries), turn: make(chan struct{}, 1)}
	b.turn <- struct{}{}
	return b
}

// Build builds one image; many may be built at once. The context's lease keeps the content. An error of a step is a *StepError.
func (b *Builder) Build(ctx context.Context, r Request, report func(executor.Progress)) (Result, error) {
	lease, ok := leases.FromContext(ctx)
	if !ok {
		return Result{}, errors.New("a build needs a lease, or garbage collection takes what it makes")
	}
	view := newView(report)
	c, err := b.connect(ctx, view.note)
	if err != nil {
		return Result{}, err
	}
	store := leasedStore{b.o.Client.ContentStore(), b.o.Namespace, lease}
	opt, done, err := b.solveOpt(r, store)
	if err != nil {
		return Result{}, err
	}
	defer done()
	local := c.local && r.Record != ""
	opt.Exports = []client.ExportEntry{exportOf(r, local, store)}
	resp, err := c.solve(ctx, opt, keysOf(r), view)
	if changed := r.Local.Err(); changed != nil && ctx.Err() == nil {
		return Result{}, changed
	}
	if err != nil {
		if b.containerdIsGone(ctx, err) {
			return Result{}, fmt.Errorf("builder %s: %w", c.host, err)
		}
		return Result{}, explain(ctx, err, r, c, view)
	}
	target, err := targetOf(resp.ExporterResponse)
	if err != nil {
		return Result{}, err
	}
	if local {
		return Result{Target: target, Record: r.Record}, nil
	}
	return Result{Target: target}, labelAll(ctx, store, target)
}

// containerdIsGone tells whether a build failed because containerd doesn't answer any more: the builder works on it, and the error is containerd's then.
func (b *Builder) containerdIsGone(ctx context.Context, err error) bool {
	if ctx.Err() != nil || grpcerrors.Code(err) != codes.Unavailable {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	_, err = b.o.Client.Version(ctx)
	return err != nil
}

// solve runs one build, and folds what it says into the view.
func (c *conn) solve(ctx context.Context, opt client.SolveOpt, keys cacheKeys, view *view) (*client.SolveResponse, error) {
	statuses := make(chan *client.SolveStatus)
	var seen sync.WaitGroup
	seen.Go(func() { view.follow(statuses) })
	c.built.Store(true)
	// Namespace and lease are headers, and the builder would take them for its own.
	ctx = metadata.NewOutgoingContext(ctx, nil)
	var resp *client.SolveResponse
	var err error
	if keys == nil {
		resp, err = c.client.Solve(ctx, nil, opt, statuses)
	} else {
		resp, err = c.client.Build(ctx, opt, "", func(ctx context.Context, g gateway.Client) (*gateway.Result, error) {
			return keys.build(ctx, g, opt)
		}, statuses)
	}
	seen.Wait()
	return resp, err
}

// Close ends the own buildkitd, if this Builder started one, and waits for it. Builds that run are cancelled.
func (b *Builder) Close(ctx context.Context) error {
	<-b.turn
	defer func() { b.turn <- struct{}{} }()
	if b.conn != nil {
		if b.own != nil && b.o.KeepBytes > 0 {
			b.pruneToBound(ctx)
		}
		if b.own == nil && b.conn.local && b.conn.built.Load() {
			b.conn.release(ctx)
		}
		_ = b.conn.client.Close()
		b.conn = nil
	}
	if b.own == nil {
		return nil
	}
	own := b.own
	b.own = nil
	return b.endDaemon(ctx, own)
}
