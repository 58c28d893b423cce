package ctrd

import (
	"context"
	"io"
	"sync"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	contentapi "github.com/containerd/containerd/api/services/content/v1"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	introspectionapi "github.com/containerd/containerd/api/services/introspection/v1"
	leasesapi "github.com/containerd/containerd/api/services/leases/v1"
	namespacesapi "github.com/containerd/containerd/api/services/namespaces/v1"
	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/fairlead-dev/fairlead/executor/machine"
	"google.golang.org/grpc"
)

// Reader reads a containerd. It has the calls below and no others: what would change something does not compile.
type Reader struct {
	daemon
	opts       Options
	paths      machine.Paths
	platform   string // the host's own
	containers containerReads
	tasks      taskReads
	images     imageReads
	content    contentReads
	plugins    pluginReads
	spaces     namespaceReads
	leases     leaseReads
	snapshots  snapshotReads
	closer     io.Closer

	policies struct {
		sync.Mutex
		known []string
	}
}

// The calls of containerd's services that only read.
type (
	containerReads interface {
		ListStream(context.Context, *containersapi.ListContainersRequest, ...grpc.CallOption) (containersapi.Containers_ListStreamClient, error)
	}
	taskReads interface {
		Get(context.Context, *tasksapi.GetRequest, ...grpc.CallOption) (*tasksapi.GetResponse, error)
		List(context.Context, *tasksapi.ListTasksRequest, ...grpc.CallOption) (*tasksapi.ListTasksResponse, error)
	}
	imageReads interface {
		Get(context.Context, *imagesapi.GetImageRequest, ...grpc.CallOption) (*imagesapi.GetImageResponse, error)
		List(context.Context, *imagesapi.ListImagesRequest, ...grpc.CallOption) (*imagesapi.ListImagesResponse, error)
	}
	contentReads interface {
		Info(context.Context, *contentapi.InfoRequest, ...grpc.CallOption) (*contentapi.InfoResponse, error)
		List(context.Context, *contentapi.ListContentRequest, ...grpc.CallOption) (contentapi.Content_ListClient, error)
		Read(context.Context, *contentapi.ReadContentRequest, ...grpc.CallOption) (contentapi.Content_ReadClient, error)
	}
	pluginReads interface {
		Plugins(context.Context, *introspectionapi.PluginsRequest, ...grpc.CallOption) (*introspectionapi.PluginsResponse, error)
	}
	namespaceReads interface {
		Get(context.Context, *namespacesapi.GetNamespaceRequest, ...grpc.CallOption) (*namespacesapi.GetNamespaceResponse, error)
	}
	leaseReads interface {
		List(context.Context, *leasesapi.ListRequest, ...grpc.CallOption) (*leasesapi.ListResponse, error)
		ListResources(context.Context, *leasesapi.ListResourcesRequest, ...grpc.CallOption) (*leasesapi.ListResourcesResponse, error)
	}
	snapshotReads interface {
		Stat(context.Context, *snapshotsapi.StatSnapshotRequest, ...grpc.CallOption) (*snapshotsapi.StatSnapshotResponse, error)
	}
)

// OpenReader connects to the containerd that o names. An error says what to do.
func OpenReader(ctx context.Context, o Options) (*Reader, error) {
	cc, d, err := dial(ctx, &o)
	if err != nil {
		return nil, err
	}
	return newReader(cc, d, o), nil
}

func newReader(cc *grpc.ClientConn, d daemon, o Options) *Reader {
	return &Reader{
		daemon:     d,
		opts:       o,
		paths:      o.paths(),
		platform:   HostPlatform(),
		containers: containersapi.NewContainersClient(cc),
		tasks:      tasksapi.NewTasksClient(cc),
		images:     imagesapi.NewImagesClient(cc),
		content:    contentapi.NewContentClient(cc),
		plugins:    introspectionapi.NewIntrospectionClient(cc),
		spaces:     namespacesapi.NewNamespacesClient(cc),
		leases:     leasesapi.NewLeasesClient(cc),
		snapshots:  snapshotsapi.NewSnapshotsClient(cc),
		closer:     cc,
	}
}

// Options are what the Reader was opened with.
func (r *Reader) Options() Options { return r.opts }

// Close ends the connection.
func (r *Reader) Close() error { return r.closer.Close() }

func (r *Reader) in(ctx context.Context) context.Context {
	return namespaces.WithNamespace(ctx, r.opts.Namespace)
}
