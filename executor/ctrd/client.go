package ctrd

import (
	"context"
	"sync"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"golang.org/x/sync/singleflight"

	"github.com/fairlead-dev/fairlead/executor"
	"github.com/fairlead-dev/fairlead/executor/image"
	"github.com/fairlead-dev/fairlead/executor/registry"
)

// Writer makes the calls that steps ask for. It implements executor.Runner. Its Reader sees the same daemon.
type Writer struct {
	*Reader
	client       *containerd.Client
	store        *image.Store
	unpacking    singleflight.Group // by image content and snapshotter: many containers may be of one image
	imageConfigs sync.Map           // manifest digest and platform → imageParts
	down         sync.Map           // IDs of the containers that have no process, as this session knows
	removed      sync.Map           // IDs of the containers that this session removed
	results      results            // digests of what this session built and imported
	building     sessionBuilder     // started by the first build
	names        names              // of the containers that this session created
	users        sync.Map           // what a user and groups come to in an image → specs.User
}

var _ executor.Runner = (*Writer)(nil)

type userKey struct{ chain, user, groups string }

// OpenWriter connects to the containerd that o names. An error says what to do.
func OpenWriter(ctx context.Context, o Options) (*Writer, error) {
	cc, d, err := dial(ctx, &o)
	if err != nil {
		return nil, err
	}
	client, err := containerd.NewWithConn(cc, containerd.WithDefaultNamespace(o.Namespace))
	if err != nil {
		cc.Close()
		return nil, err
	}
	r := newReader(cc, d, o)
	return &Writer{Reader: r, client: client, store: &image.Store{Client: client, Hosts: registry.NewHosts(o.Registries), Paths: r.paths, Platform: r.platform}}, nil
}

// Bounds on calls, so that a daemon that hangs is said to.
const (
	callTimeout = time.Minute     // what is quick
	taskTimeout = 2 * time.Minute // what starts or ends a process
)

func within[T any](ctx context.Context, d time.Duration, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return call(ctx)
}
