package ctrd

import (
	"cmp"
	"context"
	"io"
	"maps"
	"slices"
	"testing"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	contentapi "github.com/containerd/containerd/api/services/content/v1"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	introspectionapi "github.com/containerd/containerd/api/services/introspection/v1"
	leasesapi "github.com/containerd/containerd/api/services/leases/v1"
	namespacesapi "github.com/containerd/containerd/api/services/namespaces/v1"
	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/api/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fairlead-dev/fairlead/executor/mark"
	"github.com/fairlead-dev/fairlead/planner"
	"github.com/fairlead-dev/fairlead/spec"
)

const vanishedDigest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

var errVanished = status.Error(codes.NotFound, "no such thing")

// listed is a containerd whose lists have objects that are all gone when they are looked at.
type listed struct{}

func (listed) ListStream(context.Context, *containersapi.ListContainersRequest, ...grpc.CallOption) (containersapi.Containers_ListStreamClient, error) {
	return &messages[containersapi.ListContainerMessage]{rest: []*containersapi.ListContainerMessage{{Container: &containersapi.Container{
		ID: "c1", Image: "example.com/app:1", Labels: map[string]string{mark.NerdctlName: "adopt-me"}, SnapshotKey: "c1"}}}}, nil
}
func (listed) Plugins(context.Context, *introspectionapi.PluginsRequest, ...grpc.CallOption) (*introspectionapi.PluginsResponse, error) {
	return &introspectionapi.PluginsResponse{}, nil
}

type listedContainers struct{ listed }

func (listedContainers) Get(context.Context, *containersapi.GetContainerRequest, ...grpc.CallOption) (*containersapi.GetContainerResponse, error) {
	return nil, errVanished
}

type listedTasks struct{ tasksapi.TasksClient }

func (listedTasks) List(context.Context, *tasksapi.ListTasksRequest, ...grpc.CallOption) (*tasksapi.ListTasksResponse, error) {
	return &tasksapi.ListTasksResponse{}, nil
}
func (listedTasks) Get(context.Context, *tasksapi.GetRequest, ...grpc.CallOption) (*tasksapi.GetResponse, error) {
	return nil, errVanished
}

type listedImages struct{ imagesapi.ImagesClient }

func (listedImages) List(context.Context, *imagesapi.ListImagesRequest, ...grpc.CallOption) (*imagesapi.ListImagesResponse, error) {
	return &imagesapi.ListImagesResponse{Images: []*imagesapi.Image{{Name: "example.com/app:1",
		Target: &types.Descriptor{Digest: vanishedDigest, Size: 10, MediaType: ocispec.MediaTypeImageManifest}}}}, nil
}
func (listedImages) Get(context.Context, *imagesapi.GetImageRequest, ...grpc.CallOption) (*imagesapi.GetImageResponse, error) {
	return nil, errVanished
}

type listedContent struct{ contentapi.ContentClient }

func (listedContent) List(context.Context, *contentapi.ListContentRequest, ...grpc.CallOption) (contentapi.Content_ListClient, error) {
	return &messages[contentapi.ListContentResponse]{rest: []*contentapi.ListContentResponse{{Info: []*contentapi.Info{{Digest: vanishedDigest, Size: 10}}}}}, nil
}
func (listedContent) Info(context.Context, *contentapi.InfoRequest, ...grpc.CallOption) (*contentapi.InfoResponse, error) {
	return nil, errVanished
}
func (listedContent) Read(context.Context, *contentapi.ReadContentRequest, ...grpc.CallOption) (contentapi.Content_ReadClient, error) {
	return &messages[contentapi.ReadContentResponse]{end: errVanished}, nil // as gRPC says it: when the stream is read
}

type listedLeases struct{ leasesapi.LeasesClient }

func (listedLeases) List(context.Context, *leasesapi.ListRequest, ...grpc.CallOption) (*leasesapi.ListResponse, error) {
	return &leasesapi.ListResponse{Leases: []*leasesapi.Lease{{ID: "l1"}}}, nil
}
func (listedLeases) ListResources(context.Context, *leasesapi.ListResourcesRequest, ...grpc.CallOption) (*leasesapi.ListResourcesResponse, error) {
	return nil, errVanished
}

type listedSnapshots struct{ snapshotsapi.SnapshotsClient }

func (listedSnapshots) Stat(context.Context, *snapshotsapi.StatSnapshotRequest, ...grpc.CallOption) (*snapshotsapi.StatSnapshotResponse, error) {
	return nil, errVanished
}

type noNamespace struct{ namespacesapi.NamespacesClient }

func (noNamespace) Get(context.Context, *namespacesapi.GetNamespaceRequest, ...grpc.CallOption) (*namespacesapi.GetNamespaceResponse, error) {
	return nil, errVanished
}

// messages gives its messages and then its end; nil: io.EOF.
type messages[T any] struct {
	grpc.ClientStream
	rest []*T
	end  error
}

func (s *messages[T]) Recv() (*T, error) {
	if len(s.rest) == 0 {
		return nil, cmp.Or(s.end, io.EOF)
	}
	m := s.rest[0]
	s.rest = s.rest[1:]
	return m, nil
}

// TestWhatVanishesIsNoError: an object that is gone between the list and a look at it (a lease, an image's content, a container's record or snapshot) fails no plan.
func TestWhatVanishesIsNoError(t *testing.T) {
	r := &Reader{
		opts: Options{Namespace: "default", DataRoot: t.TempDir()}, platform: "linux/amd64",
		containers: listedContainers{}, tasks: listedTasks{}, images: listedImages{}, content: listedContent{}, plugins: listed{}, spaces: noNamespace{},
		leases: listedLeases{}, snapshots: listedSnapshots{},
	}
	app := spec.Addr{Kind: spec.KindContainer, Name: "web"}
	cfg := &spec.Config{
		Stack:     spec.Stack{Name: "s"},
		Resources: []spec.Resource{&spec.Image{Block: spec.Block{Addr: spec.Addr{Kind: spec.KindImage, Name: "app"}}, Name: "example.com/app:1", Pull: "example.com/app:1"}},
		Imports:   []*spec.Import{{To: app, ID: "adopt-me"}},
		Lock:      spec.Lock{},
	}
	for name, o := range map[string]ObserveOptions{
		"plan": {}, "list": {All: true},
	} {
		have, err := r.Observe(context.Background(), cfg, o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(have.Containers) != 1 || len(have.Images) != 1 {
			t.Errorf("%s: %d containers, %d images", name, len(have.Containers), len(have.Images))
		}
		images := slices.Collect(maps.Keys(have.Images))
		have.Images[images[0]].Inputs = vanishedDigest
		if err := r.Answer(t.Context(), "s", have, planner.Questions{Inputs: images, Blobs: true}); err != nil || have.Images[images[0]].LastInputs != nil {
			t.Errorf("%s: %v, %v", name, have.Images[images[0]].LastInputs, err)
		}
	}
	if blobs, err := r.blobs(context.Background(), "s"); err != nil || blobs[vanishedDigest] == nil || blobs[vanishedDigest].Root {
		t.Errorf("blobs: %v, %v", blobs, err)
	}
}
